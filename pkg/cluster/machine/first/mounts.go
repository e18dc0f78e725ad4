package first

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"
)

// setUp makes the namespaces, which are copies of the host's, the machine's own.
func (s Spec) setUp() error {
	if err := unix.Sethostname([]byte(s.Hostname)); err != nil {
		return fmt.Errorf("set host name: %w", err)
	}
	// First nothing that is mounted here may reach the host; then pods may share their mounts with the machine.
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("part from the mounts of the host: %w", err)
	}
	for _, dir := range s.Hide {
		if err := hide(dir); err != nil {
			return fmt.Errorf("hide what is mounted below %s: %w", dir, err)
		}
	}
	if err := unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("mount /proc: %w", err)
	}
	for _, bind := range s.Binds {
		if _, err := os.Stat(bind.Target); errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err := unix.Mount(bind.Source, bind.Target, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("show %s at %s: %w", bind.Source, bind.Target, err)
		}
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_SHARED, ""); err != nil {
		return fmt.Errorf("share mounts within the machine: %w", err)
	}
	return nil
}

// hide takes away what is mounted below a directory: else the machine would keep it in use when the host does not.
func hide(dir string) error {
	mounts, err := mountinfo.GetMounts(mountinfo.PrefixFilter(dir))
	if err != nil {
		return err
	}
	// A mount is listed after the one it stands on.
	for _, mount := range slices.Backward(mounts) {
		target := strings.TrimSuffix(mount.Mountpoint, "//deleted")
		if target == dir {
			continue
		}
		if err := unix.Unmount(target, unix.UMOUNT_NOFOLLOW|unix.MNT_DETACH); err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOENT) {
			return fmt.Errorf("unmount %s: %w", target, err)
		}
	}
	return nil
}
