package node

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/proa-sh/proa/pkg/cluster/ledger"
)

// inNamespace runs fn on a thread with a mount namespace of its own, which ends with the thread.
func inNamespace(t *testing.T, fn func() error) {
	t.Helper()
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: the runtime ends the thread
		err := unix.Unshare(unix.CLONE_NEWNS)
		if err == nil {
			err = unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")
		}
		if err == nil {
			err = fn()
		}
		done <- err
	}()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestLogsWhereCollectorsLook(t *testing.T) {
	dir := t.TempDir()
	pods, links := filepath.Join(dir, "var", "log", "pods"), filepath.Join(dir, "var", "log", "containers")
	places := map[string]string{pods: filepath.Join(dir, "data", "pods"), links: filepath.Join(dir, "data", "containers")}
	inNamespace(t, func() error {
		l, err := ledger.Open(filepath.Join(dir, "ledger"))
		if err != nil {
			return err
		}
		defer l.Close()
		for range 2 { // as after a crash
			if occupied, err := bindLogs(l, places); err != nil || occupied != "" {
				t.Errorf("occupied %q, error %v", occupied, err)
			}
			if err := os.WriteFile(filepath.Join(pods, "log"), nil, 0o600); err != nil {
				return err
			}
		}
		if err := l.Undo(context.Background()); err != nil {
			return err
		}
		for _, place := range []string{pods, links} {
			if _, err := os.Stat(place); !os.IsNotExist(err) {
				t.Errorf("%s after all is undone: %v", place, err)
			}
		}
		_, err = os.Stat(filepath.Join(dir, "data", "pods", "log"))
		return err
	})
	// Another kubelet's logs are left alone, and not hidden.
	theirs := filepath.Join(links, "theirs")
	if err := os.MkdirAll(theirs, 0o755); err != nil {
		t.Fatal(err)
	}
	inNamespace(t, func() error {
		l, err := ledger.Open(filepath.Join(dir, "ledger"))
		if err != nil {
			return err
		}
		defer l.Close()
		if occupied, err := bindLogs(l, places); err != nil || occupied != links {
			t.Errorf("occupied %q, error %v", occupied, err)
		}
		if standing := l.Standing(); len(standing) > 0 {
			t.Errorf("changed: %v", standing)
		}
		_, err = os.Stat(theirs)
		return err
	})
}
