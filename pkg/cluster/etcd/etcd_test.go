package etcd

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// start runs a member and returns it with a function that stops it and gives Run's result.
func start(t *testing.T, cfg Config) (*Member, func() error) {
	t.Helper()
	member, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- member.Run(ctx) }()
	select {
	case <-member.Ready():
		select {
		case <-member.Listening():
		default:
			t.Error("ready, but not listening")
		}
	case err := <-done:
		t.Fatalf("run: %v", err)
	}
	return member, func() error { cancel(); return <-done }
}

func TestKeepsDataOverRestart(t *testing.T) {
	dir := t.TempDir()
	cfg := Config{Dir: filepath.Join(dir, "data"), Socket: filepath.Join(dir, "e.sock")}
	member, stop := start(t, cfg)
	ctx := t.Context()

	viaSocket, err := clientv3.New(clientv3.Config{Endpoints: []string{member.Endpoint()}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := viaSocket.Put(ctx, "/registry/a", "1"); err != nil {
		t.Fatal(err)
	}
	if err := viaSocket.Close(); err != nil {
		t.Fatal(err)
	}
	before, err := member.Client().Put(ctx, "/registry/b", "2")
	if err != nil {
		t.Fatal(err)
	}
	if err := stop(); err != nil {
		t.Fatalf("stop: %v", err)
	}

	member, stop = start(t, cfg)
	got, err := member.Client().Get(ctx, "/registry/", clientv3.WithPrefix())
	if err != nil {
		t.Fatal(err)
	}
	if got.Count != 2 {
		t.Errorf("after restart: %d keys, want 2", got.Count)
	}
	if got.Header.Revision < before.Header.Revision {
		t.Errorf("revision went back from %d to %d", before.Header.Revision, got.Header.Revision)
	}
	if err := member.Healthy(ctx); err != nil {
		t.Errorf("a member that serves: %v", err)
	}
	if err := stop(); err != nil {
		t.Fatalf("stop: %v", err)
	}
	ended, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if member.Healthy(ended) == nil {
		t.Error("an ended member is called healthy")
	}
	info, err := os.Stat(cfg.Dir)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o700 {
		t.Errorf("data directory has mode %v, want 0700", info.Mode().Perm())
	}
}

func TestStaleSocketIsReplaced(t *testing.T) {
	dir := t.TempDir()
	socket := filepath.Join(dir, "e.sock")
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Bind(fd, &syscall.SockaddrUnix{Name: socket}); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Close(fd); err != nil { // the file stays, as after kill -9
		t.Fatal(err)
	}
	_, stop := start(t, Config{Dir: filepath.Join(dir, "data"), Socket: socket})
	if err := stop(); err != nil {
		t.Fatal(err)
	}
}

func TestErrorsAreClear(t *testing.T) {
	dir := t.TempDir()
	served := Config{Dir: filepath.Join(dir, "first"), Socket: filepath.Join(dir, "served.sock")}
	_, stop := start(t, served)
	defer stop()

	garbage := filepath.Join(dir, "garbage")
	if err := os.MkdirAll(filepath.Join(garbage, "member", "wal"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(garbage, "member", "wal", "0000000000000000-0000000000000000.wal"), []byte(strings.Repeat("x", 4096)), 0o600); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}

	for _, test := range []struct {
		name string
		cfg  Config
		want []string
		is   error
	}{
		{name: "socket served by another", cfg: Config{Dir: filepath.Join(dir, "second"), Socket: served.Socket},
			want: []string{"another process serves", served.Socket}, is: syscall.EADDRINUSE},
		{name: "directory is a file", cfg: Config{Dir: file, Socket: filepath.Join(dir, "f.sock")},
			want: []string{"make etcd directory", file}, is: syscall.ENOTDIR},
		{name: "relative socket", cfg: Config{Dir: dir, Socket: "e.sock"}, want: []string{"absolute"}},
		{name: "long socket", cfg: Config{Dir: dir, Socket: "/" + strings.Repeat("a", 120)}, want: []string{"121 bytes", "shorter"}},
		{name: "broken log", cfg: Config{Dir: garbage, Socket: filepath.Join(dir, "g.sock")},
			want: []string{"start etcd in", garbage, "restore a backup"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			member, err := New(test.cfg)
			if err == nil {
				err = member.Run(t.Context())
			}
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q does not say %q", err, want)
				}
			}
			if test.is != nil && !errors.Is(err, test.is) {
				t.Errorf("error %q is not %v", err, test.is)
			}
		})
	}
}
