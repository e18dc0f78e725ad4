package ledger

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"
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
		return fmt.Errorf("still mounted: %s", strings.Join(mounts, ", "))
	}
	return os.RemoveAll(e.Name)
}
