package volumes

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"
)

// Mounter mounts and unmounts file systems on this machine.
type Mounter interface {
	Mount(source, target, fstype string, options []string) error
	Unmount(target string) error
	// IsMountPoint says whether target is one; a target that does not exist gives os.ErrNotExist.
	IsMountPoint(target string) (bool, error)
}

// SystemMounter mounts by system calls; it starts no processes. It knows the options bind, ro, remount, noexec, nosuid
// and nodev; every other option is handed to the file system.
type SystemMounter struct{}

// Mount implements Mounter.
func (SystemMounter) Mount(source, target, fstype string, options []string) error {
	var flags uintptr
	var data []string
	for _, option := range options {
		switch option {
		case "bind":
			flags |= unix.MS_BIND
		case "ro":
			flags |= unix.MS_RDONLY
		case "remount":
			flags |= unix.MS_REMOUNT
		case "noexec":
			flags |= unix.MS_NOEXEC
		case "nosuid":
			flags |= unix.MS_NOSUID
		case "nodev":
			flags |= unix.MS_NODEV
		default:
			data = append(data, option)
		}
	}
	if err := unix.Mount(source, target, fstype, flags, strings.Join(data, ",")); err != nil {
		return &os.PathError{Op: "mount", Path: target, Err: err}
	}
	return nil
}

// Unmount implements Mounter. It does not follow a symbolic link.
func (SystemMounter) Unmount(target string) error {
	if err := unix.Unmount(target, unix.UMOUNT_NOFOLLOW); err != nil {
		return &os.PathError{Op: "unmount", Path: target, Err: err}
	}
	return nil
}

// IsMountPoint implements Mounter.
func (SystemMounter) IsMountPoint(target string) (bool, error) {
	mounted, err := mountinfo.Mounted(target)
	if err != nil {
		return false, fmt.Errorf("look for mount: %w", err)
	}
	return mounted, nil
}

// mountTmpfs mounts a tmpfs at dir, which must exist, unless one is there. size is in bytes, 0 for the kernel's
// default of half the memory. Its pages are kept out of swap where the kernel can do that (since Linux 6.4).
func mountTmpfs(m Mounter, dir string, size int64, mode os.FileMode, gid *int64) error {
	if mounted, err := m.IsMountPoint(dir); err != nil || mounted {
		return err
	}
	options := []string{fmt.Sprintf("mode=%o", unixMode(mode))}
	if size > 0 {
		options = append(options, fmt.Sprintf("size=%d", size))
	}
	if gid != nil {
		options = append(options, fmt.Sprintf("gid=%d", *gid))
	}
	err := m.Mount("tmpfs", dir, "tmpfs", append(options, "noswap"))
	if errors.Is(err, unix.EINVAL) {
		err = m.Mount("tmpfs", dir, "tmpfs", options)
	}
	return err
}

// unixMode writes permission and set-group-ID bits as chmod takes them.
func unixMode(mode os.FileMode) uint32 {
	bits := uint32(mode.Perm())
	if mode&os.ModeSetgid != 0 {
		bits |= unix.S_ISGID
	}
	return bits
}
