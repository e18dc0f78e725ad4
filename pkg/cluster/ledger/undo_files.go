package ledger

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"

	"github.com/proa-sh/proa/pkg/cluster/directory"
)

func undoMount(_ context.Context, e Entry) error { return unmount(e.Name) }

// unmount takes off the topmost mount on target. One that is in use is taken out of the tree and ends with its last
// user. A target that is no mount point, or does not exist, is fine.
func unmount(target string) error {
	err := unix.Unmount(target, unix.UMOUNT_NOFOLLOW)
	if errors.Is(err, unix.EBUSY) {
		err = unix.Unmount(target, unix.UMOUNT_NOFOLLOW|unix.MNT_DETACH)
	}
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOENT) {
		return nil
	}
	return err
}

func undoMountsUnder(_ context.Context, e Entry) error {
	mounts, err := mountsUnder(e.Name)
	if err != nil {
		return err
	}
	// A mount is listed after the one it stands on.
	for _, target := range slices.Backward(mounts) {
		if target == e.Name || slices.Contains(e.Except, target) {
			continue
		}
		if err := unmount(target); err != nil {
			return fmt.Errorf("unmount %q: %w", target, err)
		}
	}
	return nil
}

// mountsUnder lists the mount points on and below a directory in the order of mounting.
func mountsUnder(dir string) ([]string, error) {
	infos, err := mountinfo.GetMounts(mountinfo.PrefixFilter(dir))
	if err != nil {
		return nil, fmt.Errorf("list mounts: %w", err)
	}
	var targets []string
	for _, info := range infos {
		// The kernel appends this when the mount point has been removed beneath the mount.
		targets = append(targets, strings.TrimSuffix(info.Mountpoint, "//deleted"))
	}
	return targets, nil
}

// undoSharedDir leaves a directory in which something is.
func undoSharedDir(_ context.Context, e Entry) error {
	err := unix.Rmdir(e.Name)
	for _, fine := range []error{unix.ENOENT, unix.ENOTEMPTY, unix.EEXIST, unix.EBUSY, unix.ENOTDIR} {
		if errors.Is(err, fine) {
			return nil
		}
	}
	return err
}

func undoFiles(_ context.Context, e Entry) error {
	found, err := filepath.Glob(e.Name)
	if err != nil {
		return err
	}
	var faults []error
	for _, file := range found {
		if err := os.Remove(file); err != nil && !errors.Is(err, os.ErrNotExist) {
			faults = append(faults, err)
		}
	}
	return errors.Join(faults...)
}

func undoFile(_ context.Context, e Entry) error {
	if !e.Existed {
		if err := os.Remove(e.Name); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		return nil
	}
	if err := os.WriteFile(e.Name, e.Old, os.FileMode(e.Mode)); err != nil {
		return err
	}
	return os.Chmod(e.Name, os.FileMode(e.Mode))
}

// undoDir removes a directory, but never through a mount: what is mounted below belongs to somebody.
func undoDir(_ context.Context, e Entry) error {
	mounts, err := mountsUnder(e.Name)
	if err != nil {
		return err
	}
	if len(mounts) > 0 {
		return stillMounted(mounts)
	}
	// Between the look and the removal somebody may mount something.
	spared, err := directory.Remove(e.Name)
	if err == nil && len(spared) > 0 {
		err = stillMounted(spared)
	}
	return err
}

func stillMounted(mounts []string) error {
	return fmt.Errorf("still mounted: %s", strings.Join(mounts, ", "))
}
