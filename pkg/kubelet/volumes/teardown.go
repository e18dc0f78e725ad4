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

// ForeignMounts are mounts below a pod's directory that this kubelet has not made.
type ForeignMounts struct {
	UID types.UID
	// Mounts are their mount points.
	Mounts []string
}

func (e *ForeignMounts) Error() string {
	return fmt.Sprintf("the directory of pod %s holds mounts that this kubelet has not made: %s; they are neither unmounted nor deleted: "+
		"whoever made them has to take them away (umount, or the driver of the volume)", e.UID, strings.Join(e.Mounts, ", "))
}

// Teardown unmounts the volumes and subPaths that Setup and SubPath have made for a pod, deletes its directory with everything
// in it and forgets its tokens. No container of the pod may run any more. It is idempotent. What it unmounts is what was written
// down; while something else is mounted there it deletes nothing and gives a *ForeignMounts, so that it never reaches through a
// mount into another file system.
func (m *Manager) Teardown(ctx context.Context, uid types.UID) error {
	if err := checkUID(uid); err != nil {
		return err
	}
	m.tokens.forget(uid)
	dir, err := filepath.EvalSymlinks(m.PodDir(uid))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("find directory of pod: %w", err)
	}
	if err := m.unmountOwn(ctx, uid, dir); err != nil {
		return err
	}
	left, err := mountsBelow(dir)
	if err != nil {
		return err
	}
	if len(left) > 0 {
		return &ForeignMounts{UID: uid, Mounts: left}
	}
	// RemoveAll works relative to open directories and does not follow symbolic links.
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("delete directory of pod %q: %w", uid, err)
	}
	return nil
}

// unmountOwn unmounts what is the kubelet's own, each place once: what somebody has mounted over it is not. What lies in a
// mount of ours that somebody else's is below of cannot be unmounted either, and is left with it.
func (m *Manager) unmountOwn(ctx context.Context, uid types.UID, dir string) error {
	mounts, err := mountsBelow(dir)
	if err != nil {
		return err
	}
	owned, foreign := m.owned(uid), []string{}
	seen := map[string]int{}
	for _, target := range mounts {
		seen[target]++
	}
	for _, target := range mounts {
		place, err := filepath.Rel(dir, target)
		if err != nil {
			return err
		}
		covered := slices.ContainsFunc(foreign, func(f string) bool { return f == target || strings.HasPrefix(f, target+"/") })
		if seen[target] > 1 || !owned(place) || covered {
			foreign = append(foreign, target)
			continue
		}
		klog.FromContext(ctx).V(4).Info("Unmounting", "podUID", uid, "path", target)
		if err := m.mounter.Unmount(target); err != nil {
			return fmt.Errorf("UnmountVolume.TearDown failed for pod %q: %w", uid, err)
		}
	}
	return nil
}

// mountsBelow lists the mount points at and below dir, which is a path without links, in the order in which they can be unmounted: those mounted last
// come first.
func mountsBelow(dir string) ([]string, error) {
	infos, err := mountinfo.GetMounts(mountinfo.PrefixFilter(dir))
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
