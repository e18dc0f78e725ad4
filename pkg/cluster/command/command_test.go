package command

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	clientv3 "go.etcd.io/etcd/client/v3"
	"golang.org/x/sys/unix"

	"github.com/proa-sh/proa/pkg/cluster"
	"github.com/proa-sh/proa/pkg/cluster/control"
	"github.com/proa-sh/proa/pkg/cluster/images"
	"github.com/proa-sh/proa/pkg/cluster/node"
	"github.com/proa-sh/proa/pkg/cluster/process"
	"github.com/proa-sh/proa/pkg/cluster/steps"
)

// withoutKubernetes runs the store and the container runtime only: what is tested here is everything around the rest.
func withoutKubernetes(ctx context.Context, cfg cluster.Config, timeline *control.Timeline) error {
	return cluster.ServeParts(ctx, cfg, timeline, func(*cluster.Environment) []steps.Step {
		if file := os.Getenv(failVariable); file != "" {
			return []steps.Step{{Name: node.StepProxy, After: []string{node.StepContainerd}, Start: func(_ context.Context, task *steps.Task) error {
				task.Go(func(ctx context.Context) error {
					if _, err := os.Stat(file); err == nil {
						return errors.New("an object that it cannot bear")
					}
					<-ctx.Done()
					return nil
				})
				return nil
			}}}
		}
		if os.Getenv(deafVariable) == "" {
			return nil
		}
		return []steps.Step{{Name: "deaf", After: []string{node.StepContainerd}, Start: func(_ context.Context, task *steps.Task) error {
			task.Go(func(context.Context) error { select {} })
			return nil
		}}}
	})
}

// deafVariable, when set, gives the server a part that never ends.
const deafVariable = "PROA_TEST_DEAF"

// failVariable, when set, gives the server a part that fails while the file is there that it names.
const failVariable = "PROA_TEST_FAIL"

// TestMain lets `up` start this test program as the server, as it starts proa.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "server" {
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		defer stop()
		root := newRoot(&flags{serve: withoutKubernetes})
		root.SetArgs(os.Args[1:])
		if err := root.ExecuteContext(ctx); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(cluster.ExitStatus(err))
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

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

func TestLifeOfACluster(t *testing.T) {
	m := newMachine(t)
	m.want(m.must("up"), "etcd", "containerd", "pause-image", "The cluster is up: https://127.0.0.1:")
	m.want(m.must("up"), "is up already, as process")
	m.want(m.must("status"), "running as process", "works")
	m.want(m.must("image", "list"), images.PauseName, images.CoreDNSName)
	m.want(m.must("image", "load", filepath.Join(m.cfg.ImagesDir(), "pause.tar")), images.PauseName)
	m.put("/test/1")

	// Everything dies at once.
	server, err := process.Lookup(m.status().Pid)
	if err != nil {
		t.Fatal(err)
	}
	others, err := process.Marked(m.cfg.DataDir)
	if err != nil {
		t.Fatal(err)
	}
	keeper, err := keepers(m.cfg)
	if err != nil || len(keeper) != 1 {
		t.Fatalf("keepers: %v, %v", keeper, err)
	}
	// The keeper first: it would start the server again.
	if err := process.Kill(t.Context(), slices.Concat(keeper, others, []process.Process{server})...); err != nil {
		t.Fatal(err)
	}
	if _, err := m.run("logs", "no-such-part"); err == nil || !strings.Contains(err.Error(), "no-such-part") {
		t.Errorf("log of a part that does not exist: %v", err)
	}
	if _, err := m.run("status"); !errors.Is(err, control.ErrNotRunning) {
		t.Errorf("status after kill: %v", err)
	}
	m.must("up")
	m.wantKeys(1)
	m.put("/test/2")

	m.want(m.must("down"), "stopped in", "The cluster is down")
	m.wantClean()
	m.must("down") // again

	m.must("up")
	m.wantKeys(2)

	// Taken down after everything has died.
	if server, err = process.Lookup(m.status().Pid); err != nil {
		t.Fatal(err)
	}
	if err := process.Kill(t.Context(), server); err != nil {
		t.Fatal(err)
	}
	m.must("down")
	m.wantClean()
}

func TestFailedStartLeavesNothing(t *testing.T) {
	m := newMachine(t)
	holder, err := net.Listen("tcp", fmt.Sprintf(":%d", m.cfg.APIPort))
	if err != nil {
		t.Fatal(err)
	}
	defer holder.Close()
	_, err = m.run("up")
	if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("held by process %d", os.Getpid())) {
		t.Errorf("error %v does not say who holds the port", err)
	}
	if _, err := os.Stat(m.cfg.DataDir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a data directory was made: %v", err)
	}
	if err := holder.Close(); err != nil {
		t.Fatal(err)
	}

	// A start that fails half way.
	if err := os.MkdirAll(m.cfg.DataDir, 0o711); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(m.cfg.EtcdDir(), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = m.run("up")
	if err == nil || !strings.Contains(err.Error(), "start etcd-socket: make etcd directory") {
		t.Errorf("error %v does not say what is wrong", err)
	}
	m.wantClean()
}

func TestResetAsksAndRefuses(t *testing.T) {
	m := newMachine(t)
	if _, err := m.run("reset"); err == nil || !strings.Contains(err.Error(), "not confirmed") {
		t.Errorf("reset without an answer: %v", err)
	}
	if err := os.MkdirAll(m.cfg.DataDir, 0o755); err != nil {
		t.Fatal(err)
	}
	precious := filepath.Join(m.cfg.DataDir, "precious")
	if err := os.WriteFile(precious, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := m.run("reset", "--yes"); err == nil || !strings.Contains(err.Error(), "does not look like") {
		t.Errorf("reset of a foreign directory: %v", err)
	}
	if _, err := os.Stat(precious); err != nil {
		t.Errorf("a foreign file was removed: %v", err)
	}
	if err := os.RemoveAll(m.cfg.DataDir); err != nil {
		t.Fatal(err)
	}
}

func TestFlags(t *testing.T) {
	for _, test := range []struct {
		name  string
		flags flags
		want  string // part of the error; empty means none
	}{
		{name: "good", flags: flags{podCIDR: "10.1.2.3/16", serviceCIDR: "10.2.0.0/16"}},
		{name: "relative directory", flags: flags{dataDir: "data"}, want: `data directory "data" must be an absolute`},
		{name: "root", flags: flags{dataDir: "/"}, want: "not the root"},
		{name: "networks overlap", flags: flags{podCIDR: "10.96.0.0/16"}, want: "must not overlap"},
		{name: "bad network", flags: flags{podCIDR: "10.96.0.0"}, want: "read --pod-cidr"},
		{name: "bad name", flags: flags{nodeName: "A_b"}, want: `node name "A_b"`},
		{name: "bad handler", flags: flags{handlers: []string{"a_b"}}, want: `runtime handler "a_b"`},
		{name: "bad port", flags: flags{apiPort: 70000}, want: "API port 70000"},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := test.flags
			if f.dataDir == "" {
				f.dataDir = "/var/lib/other"
			}
			if f.apiPort == 0 {
				f.apiPort = 6443
			}
			f.nodeIP, f.kubeletPort, f.proxyPort = "192.0.2.1", 10250, 10256
			cfg, err := f.config()
			if test.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				if cfg.PodCIDR.String() != "10.1.0.0/16" || cfg.KubernetesServiceIP().String() != "10.2.0.1" || cfg.DNSServiceIP().String() != "10.2.0.10" {
					t.Errorf("networks: %v %v %v", cfg.PodCIDR, cfg.KubernetesServiceIP(), cfg.DNSServiceIP())
				}
				if cfg.RunDir == cluster.DefaultRunDir || cfg.Name == cluster.DefaultName || cfg.MergeKubeconfig {
					t.Errorf("another directory shares the default cluster's names: %+v", cfg)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v does not say %q", err, test.want)
			}
		})
	}
}

// TestResetLeavesWhatOthersMount: neither what was mounted in the data directory before the start nor what was mounted after it is
// unmounted or emptied.
func TestResetLeavesWhatOthersMount(t *testing.T) {
	m := newMachine(t)
	share := t.TempDir()
	precious := filepath.Join(share, "precious")
	if err := os.WriteFile(precious, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	mount := func(name string) string {
		dir := filepath.Join(m.cfg.DataDir, name)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := unix.Mount(share, dir, "", unix.MS_BIND, ""); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	before := mount("backup")
	m.must("up")
	after := mount("later")
	m.must("down")
	for _, dir := range []string{before, after} {
		if _, err := os.Stat(filepath.Join(dir, "precious")); err != nil {
			t.Errorf("after down: %v", err)
		}
	}
	out := m.must("reset", "--yes")
	m.want(out, before+" is a mount that is not the cluster's", after+" is a mount that is not the cluster's")
	for _, dir := range []string{before, after} {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Errorf("the share is not mounted any more: %v", err)
		}
	}
	if _, err := os.Stat(precious); err != nil {
		t.Errorf("what is on the share is gone: %v", err)
	}
	if err := os.RemoveAll(m.cfg.DataDir); err != nil {
		t.Fatal(err)
	}
}
