package command

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/proa-sh/proa/pkg/cluster"
	"github.com/proa-sh/proa/pkg/cluster/control"
	"github.com/proa-sh/proa/pkg/cluster/process"
)

// machine is a cluster's place on this machine.
type machine struct {
	t    *testing.T
	args []string
	cfg  cluster.Config
}

// freePorts finds ports that nobody listens on, all different.
func freePorts(t *testing.T, count int) []int {
	t.Helper()
	var ports []int
	for range count {
		listener, err := net.Listen("tcp", ":0")
		if err != nil {
			t.Fatal(err)
		}
		defer listener.Close() // after all, so that none is given twice
		ports = append(ports, listener.Addr().(*net.TCPAddr).Port)
	}
	return ports
}

func newMachine(t *testing.T) *machine {
	t.Helper()
	ports := freePorts(t, 3)
	bin, err := filepath.Abs("../../../bin")
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "kubeconfig"))
	dir := filepath.Join(t.TempDir(), "data")
	m := &machine{t: t, args: []string{"--data-dir", dir, "--bin-dir", bin, "--node-ip", "192.0.2.1",
		"--api-port", strconv.Itoa(ports[0]), "--kubelet-port", strconv.Itoa(ports[1]), "--proxy-health-port", strconv.Itoa(ports[2])}}
	f := flags{dataDir: dir, binDir: bin, nodeIP: "192.0.2.1", apiPort: ports[0], kubeletPort: ports[1], proxyPort: ports[2]}
	if m.cfg, err = f.config(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := m.run("reset", "--yes"); err != nil {
			t.Errorf("reset: %v", err)
		}
		m.wantClean()
	})
	return m
}

// run runs a command and gives what it printed.
func (m *machine) run(args ...string) (string, error) {
	var out bytes.Buffer
	root := newRoot(&flags{serve: withoutKubernetes})
	root.SetArgs(append(append([]string{}, m.args...), args...))
	root.SetOut(&out)
	root.SetErr(&out)
	err := root.ExecuteContext(context.Background()) // also in clean-up, when the test's context has ended
	return out.String(), err
}

func (m *machine) must(args ...string) string {
	m.t.Helper()
	out, err := m.run(args...)
	if err != nil {
		m.t.Fatalf("proa %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

func (m *machine) want(out string, parts ...string) {
	m.t.Helper()
	for _, part := range parts {
		if !strings.Contains(out, part) {
			m.t.Errorf("output lacks %q:\n%s", part, out)
		}
	}
}

// wantClean checks that nothing of the cluster is on the machine but its data.
func (m *machine) wantClean() {
	m.t.Helper()
	m.wantCleanRun()
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		m.t.Fatal(err)
	}
	for _, dir := range []string{m.cfg.DataDir, m.cfg.RunDir} {
		if strings.Contains(string(mounts), dir) {
			m.t.Errorf("mounts below %s are left", dir)
		}
	}
}

// wantCleanRun checks that nothing of the cluster runs.
func (m *machine) wantCleanRun() {
	m.t.Helper()
	for _, mark := range []string{m.cfg.DataDir, keeperMark(m.cfg)} {
		if left, err := process.Marked(mark); err != nil || len(left) > 0 {
			m.t.Errorf("processes are left: %v, %v", left, err)
		}
	}
	if _, err := os.Stat(m.cfg.RunDir); !errors.Is(err, os.ErrNotExist) {
		m.t.Errorf("run directory is left: %v", err)
	}
}

func (m *machine) status() control.Status {
	m.t.Helper()
	var status control.Status
	if err := json.Unmarshal([]byte(m.must("status", "-o", "json")), &status); err != nil {
		m.t.Fatal(err)
	}
	return status
}

// store opens the cluster's store.
func (m *machine) store() *clientv3.Client {
	m.t.Helper()
	client, err := clientv3.New(clientv3.Config{Endpoints: []string{"unix://" + m.cfg.EtcdSocket()}})
	if err != nil {
		m.t.Fatal(err)
	}
	return client
}

func (m *machine) put(key string) {
	m.t.Helper()
	client := m.store()
	defer client.Close()
	if _, err := client.Put(m.t.Context(), key, "x"); err != nil {
		m.t.Fatal(err)
	}
}

func (m *machine) wantKeys(n int64) {
	m.t.Helper()
	client := m.store()
	defer client.Close()
	got, err := client.Get(m.t.Context(), "/test/", clientv3.WithPrefix())
	if err != nil {
		m.t.Fatal(err)
	}
	if got.Count != n {
		m.t.Errorf("%d keys are stored, want %d", got.Count, n)
	}
}
