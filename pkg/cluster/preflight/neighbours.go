package preflight

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/moby/sys/mountinfo"

	"github.com/proa-sh/proa/pkg/cluster/process"
)

// foreignPods names a process in a pod of a kubelet that is not ours, below the cgroup root. Kubelets use these cgroups there
// unless told otherwise, which ours are.
func foreignPods(root string) (string, error) {
	mounts, err := mountinfo.GetMounts(mountinfo.FSTypeFilter("cgroup", "cgroup2"))
	if err != nil {
		return "", fmt.Errorf("list cgroup hierarchies: %w", err)
	}
	for _, mount := range mounts {
		for _, name := range []string{"/kubepods", "/kubepods.slice"} {
			member, found, err := memberBelow(filepath.Join(mount.Mountpoint, root, name))
			if err != nil {
				return "", err
			}
			if found {
				return fmt.Sprintf("%v in cgroup %s", member, name), nil
			}
		}
	}
	return "", nil
}

// memberBelow finds a process in a cgroup or below it.
func memberBelow(dir string) (member process.Process, found bool, err error) {
	err = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || !entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(filepath.Join(path, "cgroup.procs"))
		if err != nil {
			return nil // it is gone, or has threads only
		}
		for _, field := range strings.Fields(string(content)) {
			pid, err := strconv.Atoi(field)
			if err != nil || pid == 0 { // of another process namespace
				continue
			}
			if member, err = process.Lookup(pid); err == nil {
				found = true
				return filepath.SkipAll
			}
		}
		return nil
	})
	return member, found, err
}
