package volumes

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"k8s.io/apimachinery/pkg/types"

	"github.com/proa-sh/proa/pkg/kubelet/podfile"
)

// SubPathRequest names a subPath of a volume that a container mounts.
type SubPathRequest struct {
	PodUID    types.UID
	Container string
	// Index is the position of the mount in the container's volumeMounts.
	Index  int
	Volume string
	// VolumePath is the volume's path on the host, as Setup gave it.
	VolumePath string
	// SubPath is relative to the volume, with its variables expanded. A directory is made there if nothing is.
	SubPath string
}

// SubPath pins a path inside a volume and returns a host path that can be given to the runtime: a bind mount of the very
// file or directory that was found, which a container can no longer exchange for a symbolic link to somewhere else
// (CVE-2017-1002101, CVE-2021-25741). Links that stay inside the volume are followed; others give an error. Calling it
// again, for a restarted container, pins what is there then.
func (m *Manager) SubPath(r SubPathRequest) (string, error) {
	if err := checkUID(r.PodUID); err != nil {
		return "", err
	}
	if !filepath.IsLocal(r.SubPath) {
		return "", fmt.Errorf("subPath %q of volume %q leaves the volume", r.SubPath, r.Volume)
	}
	found, err := openBeneath(r.VolumePath, r.SubPath)
	if err != nil {
		return "", fmt.Errorf("open subPath %q of volume %q: %w", r.SubPath, r.Volume, err)
	}
	defer found.Close()
	target := filepath.Join(m.PodDir(r.PodUID), subPathTarget(r.Volume, r.Container, r.Index))
	if pinned, err := m.pinned(target, found); err != nil || pinned {
		return target, err
	}
	if err := os.Remove(target); err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("remove mount point of earlier subPath %q: %w", r.SubPath, err)
	}
	if err := m.expectSubPath(r); err != nil {
		return "", err
	}
	if err := makeMountTarget(target, found); err != nil {
		return "", fmt.Errorf("make mount point for subPath %q: %w", r.SubPath, err)
	}
	source := fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), found.Fd())
	if err := m.mounter.Mount(source, target, "", []string{"bind"}); err != nil {
		return "", fmt.Errorf("bind subPath %q of volume %q: %w", r.SubPath, r.Volume, err)
	}
	return target, nil
}

// pinned says whether target already shows what was found; a mount of something else is taken away.
func (m *Manager) pinned(target string, found *os.File) (bool, error) {
	mounted, err := m.mounter.IsMountPoint(target)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil || !mounted {
		return false, err
	}
	have, err := os.Stat(target)
	if err != nil {
		return false, err
	}
	want, err := found.Stat()
	if err != nil {
		return false, err
	}
	if os.SameFile(have, want) {
		return true, nil
	}
	return false, m.mounter.Unmount(target)
}

// openBeneath opens path below root, without ever leaving root, and makes missing directories with root's mode. The file
// is opened as a place only (O_PATH): devices and pipes are not touched.
func openBeneath(root, path string) (*os.File, error) {
	dir, err := os.OpenRoot(root)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	found, err := podfile.Place(root, path)
	if !errors.Is(err, os.ErrNotExist) {
		return found, err
	}
	info, err := dir.Stat(".")
	if err != nil {
		return nil, err
	}
	if err := makeBelow(dir, path, info.Mode()); err != nil {
		return nil, err
	}
	return podfile.Place(root, path)
}

// makeBelow makes the directories of path with exactly the mode.
func makeBelow(root *os.Root, path string, mode os.FileMode) error {
	if path == "." {
		return nil
	}
	if err := makeBelow(root, filepath.Dir(path), mode); err != nil {
		return err
	}
	err := root.Mkdir(path, mode.Perm())
	if errors.Is(err, os.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return root.Chmod(path, mode&(os.ModePerm|os.ModeSetgid|os.ModeSticky))
}

// makeMountTarget makes an empty file or directory, whichever can carry a bind mount of found.
func makeMountTarget(target string, found *os.File) error {
	info, err := found.Stat()
	if err != nil {
		return err
	}
	if info.IsDir() {
		return os.MkdirAll(target, 0o750)
	}
	if err := os.MkdirAll(filepath.Dir(target), 0o750); err != nil {
		return err
	}
	file, err := os.OpenFile(target, os.O_CREATE|os.O_WRONLY, 0o640)
	if err != nil {
		return err
	}
	return file.Close()
}
