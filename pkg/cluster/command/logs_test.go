package command

import (
	"context"
	"io"
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
		path, keep := logOf(cfg, part)
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
