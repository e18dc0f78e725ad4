package ledger

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestFullDisk: a disk that is full for a while costs the change that could not be written, and nothing else, neither then nor
// when the ledger is opened again; and all can be undone while it is full.
func TestFullDisk(t *testing.T) {
	inNamespaces(t, func(t *testing.T) {
		disk := t.TempDir()
		must(t, unix.Mount("small", disk, "tmpfs", 0, "size=64k"))
		defer unix.Unmount(disk, unix.MNT_DETACH)
		path := filepath.Join(disk, "ledger")
		l, err := Open(path)
		must(t, err)
		defer func() { l.Close() }()
		recorded := 0
		record := func() error {
			// A line of no even part of a page, so that one is cut in two.
			err := l.Dir(filepath.Join(disk, fmt.Sprintf("%s%d", strings.Repeat("x", 77), recorded)))
			if err == nil {
				recorded++
			}
			return err
		}
		must(t, record())
		filler := filepath.Join(disk, "filler")
		fill := func() {
			// The error is that the disk is full.
			if err := os.WriteFile(filler, make([]byte, 1<<20), 0o600); err == nil {
				t.Error("the disk is not full")
			}
			for range 100 {
				if record() != nil {
					return
				}
			}
			t.Error("everything could be written to a full disk")
		}
		for range 3 {
			fill()
			must(t, os.Remove(filler))
			must(t, record())
			must(t, l.Close())
			l, err = Open(path)
			must(t, err)
			if got := len(l.Standing()); got != recorded || len(l.Damage()) > 0 {
				t.Errorf("%d changes stand, want %d; damage: %v", got, recorded, l.Damage())
			}
		}
		fill()
		must(t, l.Undo(context.Background()))
		if left := l.Standing(); len(left) > 0 {
			t.Errorf("left: %v", names(left))
		}
	})
}
