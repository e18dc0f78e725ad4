package directory

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Remove removes a directory with all that is in it, but for what is mounted there, which it gives by path, and the directories
// above that. A directory that does not exist is fine. It goes on after a failure and gives all.
func Remove(path string) (spared []string, err error) {
	parent, err := open(unix.AT_FDCWD, filepath.Dir(path), 0)
	if errors.Is(err, unix.ENOENT) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("open %q: %w", filepath.Dir(path), err)
	}
	defer parent.Close()
	var r removal
	r.remove(parent, filepath.Base(path), path)
	return r.spared, errors.Join(r.faults...)
}

// Empty is Remove for a directory that may be a mount itself, which was made for it: all that is in it goes, and it stays.
func Empty(path string) (spared []string, err error) {
	dir, err := open(unix.AT_FDCWD, path, unix.RESOLVE_NO_SYMLINKS)
	if errors.Is(err, unix.ENOENT) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("open %q: %w", path, err)
	}
	defer dir.Close()
	var r removal
	r.empty(dir, path)
	return r.spared, errors.Join(r.faults...)
}

type removal struct {
	spared []string
	faults []error
}

// open opens a directory below another one. resolve is how the kernel must find it (openat2(2)).
func open(at int, name string, resolve uint64) (*os.File, error) {
	for {
		fd, err := unix.Openat2(at, name, &unix.OpenHow{Flags: unix.O_RDONLY | unix.O_DIRECTORY | unix.O_CLOEXEC, Resolve: resolve})
		if errors.Is(err, unix.EINTR) || errors.Is(err, unix.EAGAIN) {
			continue
		}
		if err != nil {
			return nil, err
		}
		return os.NewFile(uintptr(fd), name), nil
	}
}

// remove removes an entry of a directory, and says whether it is gone. path is what people call it.
func (r *removal) remove(parent *os.File, name, path string) bool {
	at := int(parent.Fd())
	err := unix.Unlinkat(at, name, 0)
	switch {
	case err == nil || errors.Is(err, unix.ENOENT):
		return true
	case errors.Is(err, unix.EBUSY): // a file on which another is mounted
		r.spared = append(r.spared, path)
		return false
	case !errors.Is(err, unix.EISDIR) && !errors.Is(err, unix.EPERM):
		return r.fail(path, err)
	}
	dir, openErr := open(at, name, unix.RESOLVE_NO_XDEV|unix.RESOLVE_NO_SYMLINKS|unix.RESOLVE_BENEATH)
	switch {
	case errors.Is(openErr, unix.EXDEV):
		r.spared = append(r.spared, path)
		return false
	case errors.Is(openErr, unix.ENOENT):
		return true
	case errors.Is(openErr, unix.ENOTDIR): // a file that may not be removed
		return r.fail(path, err)
	case openErr != nil:
		return r.fail(path, openErr)
	}
	defer dir.Close()
	if !r.empty(dir, path) {
		return false
	}
	err = unix.Unlinkat(at, name, unix.AT_REMOVEDIR)
	if errors.Is(err, unix.EBUSY) {
		r.spared = append(r.spared, path)
		return false
	}
	if err != nil && !errors.Is(err, unix.ENOENT) {
		return r.fail(path, err)
	}
	return true
}

// empty removes all entries of a directory and says whether it is empty now.
func (r *removal) empty(dir *os.File, path string) bool {
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return r.fail(path, err)
	}
	all := true
	for _, name := range names {
		all = r.remove(dir, name, filepath.Join(path, name)) && all
	}
	return all
}

func (r *removal) fail(path string, err error) bool {
	r.faults = append(r.faults, fmt.Errorf("remove %q: %w", path, err))
	return false
}
