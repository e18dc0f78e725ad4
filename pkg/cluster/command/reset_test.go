package command

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

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
