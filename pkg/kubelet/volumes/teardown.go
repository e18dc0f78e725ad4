package volumes

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/moby/sys/mountinfo"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"
)

// Known lists the pods that have a directory on this node, among them those left by an earlier run.
func (m *Manager) Known() ([]types.UID, error) {
	entries, err := os.ReadDir(filepath.Join(m.root, "pods"))
	if err != nil {
		return nil, fmt.Errorf("list directories of pods: %w", err)
	}
	uids := make([]types.UID, 0, len(entries))
	for _, entry := range entries {
		if entry.IsDir() {
			uids = append(uids, types.UID(entry.Name()))
		}
	}
	return uids, nil
}

// Teardown unmounts all volumes and subPaths of a pod, deletes its directory with everything in it and forgets its
// tokens. No container of the pod may run any more. It is idempotent; while something is still mounted it deletes
// nothing and gives an error, so that it never reaches through a mount into another file system.
func (m *Manager) Teardown(ctx context.Context, uid types.UID) error {
	if err := checkUID(uid); err != nil {
		return err
	}
	m.tokens.forget(uid)
	dir := m.PodDir(uid)
	if _, err := os.Lstat(dir); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	mounts, err := mountsBelow(dir)
	if err != nil {
		return err
	}
	for _, target := range mounts {
		klog.FromContext(ctx).V(4).Info("Unmounting", "podUID", uid, "path", target)
		if err := m.mounter.Unmount(target); err != nil {
			return fmt.Errorf("UnmountVolume.TearDown failed for pod %q: %w", uid, err)
		}
	}
	if mounts, err = mountsBelow(dir); err != nil {
		return err
	}
	if len(mounts) > 0 {
		return fmt.Errorf("pod %q: still mounted: %s", uid, strings.Join(mounts, ", "))
	}
	// RemoveAll works relative to open directories and does not follow symbolic links.
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("delete directory of pod %q: %w", uid, err)
	}
	return nil
}

// mountsBelow lists the mount points at and below dir, in the order in which they can be unmounted: those mounted last
// come first.
func mountsBelow(dir string) ([]string, error) {
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return nil, fmt.Errorf("find directory of pod: %w", err)
	}
	infos, err := mountinfo.GetMounts(mountinfo.PrefixFilter(real))
	if err != nil {
		return nil, fmt.Errorf("list mounts: %w", err)
	}
	targets := make([]string, 0, len(infos))
	for _, info := range infos {
		targets = append(targets, info.Mountpoint)
	}
	slices.Reverse(targets)
	return targets, nil
}
