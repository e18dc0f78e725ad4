package command

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// TestFullDisk: a cluster whose disk is full can be taken down, and comes back when there is space again. Its data are on a disk
// of their own, which reset empties.
func TestFullDisk(t *testing.T) {
	m := newMachine(t)
	if err := os.MkdirAll(m.cfg.DataDir, 0o711); err != nil {
		t.Fatal(err)
	}
	// More than a start asks for.
	if err := unix.Mount("disk", m.cfg.DataDir, "tmpfs", 0, "size=1300m"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		m.must("reset", "--yes")
		if left, err := os.ReadDir(m.cfg.DataDir); err != nil || len(left) > 0 {
			t.Errorf("left after reset: %v, %v", left, err)
		}
		if err := errors.Join(unix.Unmount(m.cfg.DataDir, 0), os.Remove(m.cfg.DataDir)); err != nil {
			t.Error(err)
		}
	})
	m.must("up")
	m.put("/test/1")
	filler, err := os.Create(filepath.Join(m.cfg.DataDir, "filler"))
	if err != nil {
		t.Fatal(err)
	}
	defer filler.Close()
	for block := make([]byte, 1<<20); err == nil; {
		_, err = filler.Write(block)
	}
	if !errors.Is(err, unix.ENOSPC) {
		t.Fatal(err)
	}
	m.must("down")
	m.wantCleanRun()
	m.must("down") // again
	if err := os.Remove(filler.Name()); err != nil {
		t.Fatal(err)
	}
	if err := filler.Close(); err != nil {
		t.Fatal(err)
	}
	m.must("up")
	m.wantKeys(1)
}
