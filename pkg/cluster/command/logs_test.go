package command

import (
	"context"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/proa-sh/proa/pkg/cluster"
)

func TestLogsOfOnePart(t *testing.T) {
	cfg := cluster.Config{DataDir: t.TempDir()}
	if err := os.MkdirAll(cfg.LogDir(), 0o700); err != nil {
		t.Fatal(err)
	}
	lines := []string{
		`I1121 1 a.go:1] "Started" logger="kubelet" pod="x"`,
		`E1121 1 a.go:1] "Fell" logger="kubelet.volumes" stack=<`,
		"\tmain.main()",
		` >`,
		`I1121 1 a.go:1] "Started" logger="scheduler"`,
		`I1121 1 a.go:1] "Started kubelet"`,
		`E1121 1 a.go:1] "Failed" logger="UnhandledError"`,
		`I1121 1 a.go:1] "Ready" logger="api-server"`,
	}
	if err := os.WriteFile(cfg.ServerLog(), []byte(strings.Join(lines, "\n")+"\nnot ended"), 0o600); err != nil {
		t.Fatal(err)
	}
	for part, want := range map[string][]string{"": lines, "kubelet": lines[:4], "scheduler": lines[4:5], "service-proxy": nil, "api-server": lines[5:]} {
		var out strings.Builder
		path, keep, err := logOf(cfg, "", part)
		if err != nil {
			t.Fatal(err)
		}
		if err := printLog(t.Context(), &out, path, keep, false); err != nil {
			t.Fatal(err)
		}
		wanted := ""
		for _, line := range want {
			wanted += line + "\n"
		}
		if diff := cmp.Diff(wanted, out.String()); diff != "" {
			t.Errorf("%q:\n%s", part, diff)
		}
	}
}

func TestLogsOfNodesAndPrograms(t *testing.T) {
	cfg := cluster.Config{DataDir: t.TempDir(), RunDir: t.TempDir(), NodeName: "vm", NodeCIDR: netip.MustParsePrefix("10.243.0.0/24")}
	for path, content := range map[string]string{
		filepath.Join(cfg.NodesDir(), "node-2", "node.json"): `{"name":"node-2","index":2}`,
		filepath.Join(cfg.RunDir, "programs.json"):           `{"kube-proxy":"/x","kube-scheduler":"/y"}`,
	} {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct{ on, part, want, fault string }{
		{on: "vm", want: "log/proa.log"},
		{part: "kubelet", want: "log/proa.log"},
		{part: "scheduler", want: "log/kube-scheduler.log"},
		{part: "etcd", want: "log/etcd.log"},
		{part: "service-proxy", want: "log/kube-proxy.log"},
		{on: "node-2", want: "nodes/node-2/log/agent.log"},
		{on: "node-2", part: "kubelet", want: "nodes/node-2/log/agent.log"},
		{on: "node-2", part: "containerd", want: "nodes/node-2/log/containerd.log"},
		{on: "node-2", part: "service-proxy", want: "nodes/node-2/log/kube-proxy.log"},
		{on: "node-2", part: "etcd", fault: "a further node has no etcd"},
		{on: "node-3", fault: "the cluster has no node node-3"},
	} {
		path, _, err := logOf(cfg, test.on, test.part)
		if test.fault != "" {
			if err == nil || err.Error() != test.fault {
				t.Errorf("%s of %q: error %v, want %q", test.part, test.on, err, test.fault)
			}
			continue
		}
		if want := filepath.Join(cfg.DataDir, test.want); err != nil || path != want {
			t.Errorf("%s of %q is in %s, %v; want %s", test.part, test.on, path, err, want)
		}
	}
}

func TestFollowPrintsWhatIsAdded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	log, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	read, write := io.Pipe()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- printLog(ctx, write, path, func(string) bool { return true }, true)
		write.Close()
	}()
	buffer := make([]byte, 64)
	for _, piece := range []string{"one\n", "two\n"} {
		if _, err := log.WriteString(piece); err != nil {
			t.Fatal(err)
		}
		n, err := read.Read(buffer)
		if err != nil || string(buffer[:n]) != piece {
			t.Fatalf("printed %q, %v; want %q", buffer[:n], err, piece)
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
