package volumes

import (
	"os"
	"path/filepath"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
	v1 "k8s.io/api/core/v1"
)

func subPathVolume(t *testing.T) (*Manager, func(subPath string, index int) (string, error), string) {
	t.Helper()
	m := newManager(t, &world{})
	pod := podWith(v1.Volume{Name: "v", VolumeSource: v1.VolumeSource{EmptyDir: &v1.EmptyDirVolumeSource{}}})
	paths, err := m.Setup(t.Context(), pod)
	if err != nil {
		t.Fatal(err)
	}
	volume := paths["v"].Path
	return m, func(subPath string, index int) (string, error) {
		return m.SubPath(SubPathRequest{PodUID: pod.UID, Container: "c", Index: index, Volume: "v", VolumePath: volume, SubPath: subPath})
	}, volume
}

func TestSubPath(t *testing.T) {
	m, subPath, volume := subPathVolume(t)
	if err := os.WriteFile(filepath.Join(volume, "file"), []byte("1"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("file", filepath.Join(volume, "link")); err != nil {
		t.Fatal(err)
	}
	for i, tc := range []struct{ subPath, shows string }{{"file", "1"}, {"link", "1"}} {
		for range 2 {
			path, err := subPath(tc.subPath, i)
			if err != nil {
				t.Fatal(err)
			}
			if data, err := os.ReadFile(path); err != nil || string(data) != tc.shows {
				t.Errorf("%s shows %q, %v", tc.subPath, data, err)
			}
		}
	}
	// A directory that is missing is made with the volume's mode.
	path, err := subPath("new/dir", 2)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().String() != "drwxrwxrwx" {
		t.Errorf("made %v, %v", info, err)
	}
	// A restarted container sees what is there now.
	if err := os.Rename(filepath.Join(volume, "file"), filepath.Join(volume, "old")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(volume, "file"), 0o755); err != nil {
		t.Fatal(err)
	}
	if path, err = subPath("file", 0); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || !info.IsDir() {
		t.Errorf("after the exchange: %v, %v", info, err)
	}
	if err := m.Teardown(t.Context(), "uid-1"); err != nil {
		t.Fatal(err)
	}
}

func TestSubPathStaysInside(t *testing.T) {
	_, subPath, volume := subPathVolume(t)
	outside := t.TempDir()
	for link, target := range map[string]string{"abs": outside, "up": "../../../../..", "proc": "/proc/self/root"} {
		if err := os.Symlink(target, filepath.Join(volume, link)); err != nil {
			t.Fatal(err)
		}
	}
	for i, bad := range []string{"abs", "up", "proc", "abs/new", "..", "../x", "/etc"} {
		if path, err := subPath(bad, i); err == nil {
			t.Errorf("subPath %q gave %s", bad, path)
		}
	}
}

// TestSubPathRace exchanges a directory for a link to the outside while subPaths are pinned, as an attacker in a
// container would: whatever was pinned, it is never the outside.
func TestSubPathRace(t *testing.T) {
	_, subPath, volume := subPathVolume(t)
	outside := t.TempDir()
	if err := os.WriteFile(filepath.Join(outside, "host"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	dir, link := filepath.Join(volume, "swap"), filepath.Join(volume, "link")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, link); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	var attacker sync.WaitGroup
	attacker.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
				if err := unix.Renameat2(unix.AT_FDCWD, dir, unix.AT_FDCWD, link, unix.RENAME_EXCHANGE); err != nil {
					t.Error(err)
					return
				}
			}
		}
	})
	pinned := 0
	for range 2000 {
		path, err := subPath("swap", 0)
		if err != nil {
			continue
		}
		pinned++
		if _, err := os.Lstat(filepath.Join(path, "host")); err == nil {
			t.Fatal("a file of the host is visible through a subPath")
		}
	}
	close(done)
	attacker.Wait()
	if pinned == 0 {
		t.Error("no subPath could be pinned")
	}
}

func TestTeardownDoesNotFollowLinks(t *testing.T) {
	m, _, volume := subPathVolume(t)
	outside := t.TempDir()
	if err := os.WriteFile(filepath.Join(outside, "keep"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(volume, "link")); err != nil {
		t.Fatal(err)
	}
	if err := m.Teardown(t.Context(), "uid-1"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(filepath.Join(outside, "keep")); err != nil {
		t.Error(err)
	}
}
