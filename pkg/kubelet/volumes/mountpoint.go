package volumes

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	v1 "k8s.io/api/core/v1"

	"github.com/proa-sh/proa/pkg/pods"
)

// MountPoint makes the place inside a volume of API content on which a container mounts something else: a directory or an empty
// file. The volume is read-only for everybody but this package. What the content itself has there is left alone, and mounted
// upon.
func (m *Manager) MountPoint(volumePath, place string, directory bool) error {
	if err := makeMountPoint(volumePath, place, directory); err != nil {
		return fmt.Errorf("make mount point %q: %w", place, err)
	}
	return nil
}

func makeMountPoint(volumePath, place string, directory bool) error {
	root, err := os.OpenRoot(volumePath)
	if err != nil {
		return err
	}
	defer root.Close()
	top, _, _ := strings.Cut(filepath.ToSlash(place), "/")
	if info, err := root.Lstat(top); err == nil && info.Mode()&fs.ModeSymlink != 0 {
		return nil
	}
	if directory {
		return root.MkdirAll(place, 0o755)
	}
	if err := root.MkdirAll(filepath.Dir(place), 0o755); err != nil {
		return err
	}
	file, err := root.OpenFile(place, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return file.Close()
}

// mountPoints are the names at the top of the volume below which containers of the pod mount something else.
func mountPoints(pod *v1.Pod, volume string) map[string]bool {
	names := map[string]bool{}
	for c := range pods.AllContainers(pod) {
		targets := []string{"/etc/hosts", c.TerminationMessagePath}
		for i := range c.VolumeMounts {
			targets = append(targets, c.VolumeMounts[i].MountPath)
		}
		for i := range c.VolumeMounts {
			m := &c.VolumeMounts[i]
			if m.Name != volume || m.SubPath != "" || m.SubPathExpr != "" {
				continue
			}
			for _, target := range targets {
				if below, ok := strings.CutPrefix(path.Join("/", target), strings.TrimSuffix(path.Join("/", m.MountPath), "/")+"/"); ok {
					name, _, _ := strings.Cut(below, "/")
					names[name] = true
				}
			}
		}
	}
	return names
}
