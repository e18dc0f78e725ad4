package podfile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// ErrNotRegular is the error for everything that is no regular file.
var ErrNotRegular = errors.New("not a regular file")

// maxTries bounds how often a path is resolved anew while a container renames files in it.
const maxTries = 128

// Open opens the regular file at path for reading. Links are followed: the path itself is the caller's, only what lies there
// may be a pod's.
func Open(path string) (*os.File, error) {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	place := os.NewFile(uintptr(fd), path)
	defer place.Close()
	return read(place)
}

// OpenBeneath opens the regular file at path below dir for reading. Links are followed only where they stay below dir.
func OpenBeneath(dir, path string) (*os.File, error) {
	place, err := Place(dir, path)
	if err != nil {
		return nil, err
	}
	defer place.Close()
	return read(place)
}

// OpenPlain opens the regular file at path below dir for reading. No link is followed on the way from dir: what lies in a directory
// of one pod leads to nothing of another.
func OpenPlain(dir, path string) (*os.File, error) {
	place, err := beneath(dir, path, unix.RESOLVE_NO_SYMLINKS)
	if err != nil {
		return nil, err
	}
	defer place.Close()
	return read(place)
}

// Place opens path below dir as a place only, whatever lies there: nothing can be read from it, and it can be looked at, or
// given to a mount, though a container exchanges what the path leads to. Links are followed only where they stay below dir.
func Place(dir, path string) (*os.File, error) { return beneath(dir, path, 0) }

// beneath is Place with further rules of resolution.
func beneath(dir, path string, rules uint64) (*os.File, error) {
	base, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: dir, Err: err}
	}
	defer unix.Close(base)
	how := &unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_MAGICLINKS | rules}
	fd := -1
	for range maxTries {
		fd, err = unix.Openat2(base, path, how)
		// EAGAIN: the kernel saw a rename while it resolved the path and cannot say whether it left dir.
		if !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EINTR) {
			break
		}
	}
	if err != nil {
		return nil, &os.PathError{Op: "openat2", Path: path, Err: err}
	}
	return os.NewFile(uintptr(fd), filepath.Join(dir, path)), nil
}

// read opens the very file of a place for reading.
func read(place *os.File) (*os.File, error) {
	info, err := place.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, &os.PathError{Op: "open", Path: place.Name(), Err: ErrNotRegular}
	}
	file, err := os.Open(fmt.Sprintf("/proc/self/fd/%d", place.Fd()))
	if err != nil {
		return nil, fmt.Errorf("open %s for reading: %w", place.Name(), err)
	}
	return file, nil
}
