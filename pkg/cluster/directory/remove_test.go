package directory

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// inNamespace runs fn on a thread with a mount namespace of its own, which ends with the thread.
func inNamespace(t *testing.T, fn func(t *testing.T)) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // never unlocked: the runtime ends the thread
		if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
			t.Errorf("make namespace: %v", err)
			return
		}
		if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
			t.Errorf("make mounts private: %v", err)
			return
		}
		fn(t)
	}()
	<-done
}

// must is for steps of which every later one depends; t.FailNow may not be called off the test's own goroutine.
func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
		runtime.Goexit()
	}
}

// fill makes a directory with a file, a deeper one, and links that lead out of it.
func fill(t *testing.T, dir, outside string) {
	t.Helper()
	must(t, os.MkdirAll(filepath.Join(dir, "a", "b"), 0o755))
	for _, name := range []string{"file", "a/file", "a/b/file"} {
		must(t, os.WriteFile(filepath.Join(dir, name), nil, 0o400))
	}
	must(t, os.Symlink(outside, filepath.Join(dir, "a", "link")))
	must(t, unix.Mkfifo(filepath.Join(dir, "a", "fifo"), 0o600))
}

func TestRemove(t *testing.T) {
	outside := t.TempDir()
	if err := os.WriteFile(filepath.Join(outside, "precious"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "dir")
	fill(t, dir, outside)
	for range 2 { // the second time it is gone
		if spared, err := Remove(dir); err != nil || spared != nil {
			t.Errorf("spared %v, error %v", spared, err)
		}
	}
	if _, err := os.Lstat(dir); !os.IsNotExist(err) {
		t.Errorf("the directory is still there: %v", err)
	}
	if _, err := os.Stat(filepath.Join(outside, "precious")); err != nil {
		t.Errorf("removed through a link: %v", err)
	}
}

// TestRemoveEntersNoMount: neither one of another file system, nor one of the same, nor a file's.
func TestRemoveEntersNoMount(t *testing.T) {
	inNamespace(t, func(t *testing.T) {
		share := t.TempDir()
		dir := filepath.Join(t.TempDir(), "dir")
		fill(t, dir, share)
		must(t, os.WriteFile(filepath.Join(share, "precious"), nil, 0o600))
		for _, name := range []string{"disk", "a/same", "x/y/deep"} {
			must(t, os.MkdirAll(filepath.Join(dir, name), 0o755))
		}
		must(t, unix.Mount("disk", filepath.Join(dir, "disk"), "tmpfs", 0, ""))
		must(t, os.WriteFile(filepath.Join(dir, "disk", "precious"), nil, 0o600))
		for _, target := range []string{"a/same", "x/y/deep"} {
			must(t, unix.Mount(share, filepath.Join(dir, target), "", unix.MS_BIND, ""))
		}
		must(t, unix.Mount(filepath.Join(share, "precious"), filepath.Join(dir, "a", "b", "file"), "", unix.MS_BIND, ""))
		want := []string{"a/b/file", "a/same", "disk", "x/y/deep"}
		for range 2 {
			spared, err := Remove(dir)
			must(t, err)
			var names []string
			for _, path := range spared {
				name, err := filepath.Rel(dir, path)
				must(t, err)
				names = append(names, name)
			}
			slices.Sort(names)
			if diff := cmp.Diff(want, names); diff != "" {
				t.Error(diff)
			}
		}
		for _, file := range []string{filepath.Join(share, "precious"), filepath.Join(dir, "disk", "precious"), filepath.Join(dir, "a", "b", "file")} {
			if _, err := os.Stat(file); err != nil {
				t.Errorf("removed through a mount: %v", err)
			}
		}
		if _, err := os.Lstat(filepath.Join(dir, "file")); !os.IsNotExist(err) {
			t.Errorf("what is ours was left: %v", err)
		}
		// The directory itself may be the mount.
		spared, err := Remove(filepath.Join(dir, "disk"))
		if err != nil || !cmp.Equal(spared, []string{filepath.Join(dir, "disk")}) {
			t.Errorf("spared %v, error %v", spared, err)
		}
		// It is emptied if that is what is wanted, and then nothing below it is entered either.
		must(t, os.Mkdir(filepath.Join(dir, "disk", "share"), 0o755))
		must(t, unix.Mount(share, filepath.Join(dir, "disk", "share"), "", unix.MS_BIND, ""))
		spared, err = Empty(filepath.Join(dir, "disk"))
		if err != nil || !cmp.Equal(spared, []string{filepath.Join(dir, "disk", "share")}) {
			t.Errorf("spared %v, error %v", spared, err)
		}
		if _, err := os.Stat(filepath.Join(dir, "disk", "precious")); !os.IsNotExist(err) {
			t.Errorf("not emptied: %v", err)
		}
		if _, err := os.Stat(filepath.Join(share, "precious")); err != nil {
			t.Errorf("removed through a mount: %v", err)
		}
		must(t, unix.Unmount(filepath.Join(dir, "disk", "share"), unix.MNT_DETACH))
		for _, target := range want {
			must(t, unix.Unmount(filepath.Join(dir, target), unix.MNT_DETACH))
		}
	})
}
