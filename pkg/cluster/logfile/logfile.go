package logfile

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// former is where the log before this one is.
func former(path string) string { return path + ".1" }

// File is a log file that is put aside when it has grown to its bound.
type File struct {
	path string
	max  int64

	mu       sync.Mutex
	file     *os.File // guarded by mu
	size     int64    // guarded by mu
	redirect []int    // guarded by mu; descriptors that go to the file
}

// Open opens the log for appending. A write that would make it larger than max bytes goes to a new file.
func Open(path string, max int64) (*File, error) {
	f := &File{path: path, max: max}
	return f, f.open()
}

func (f *File) open() error {
	file, err := os.OpenFile(f.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("open log: %w", err)
	}
	info, err := file.Stat()
	if err != nil {
		return errors.Join(fmt.Errorf("examine log: %w", err), file.Close())
	}
	for _, fd := range f.redirect {
		if err := unix.Dup3(int(file.Fd()), fd, 0); err != nil {
			return errors.Join(fmt.Errorf("redirect to log: %w", err), file.Close())
		}
	}
	if f.file != nil {
		err = f.file.Close()
	}
	f.file, f.size = file, info.Size()
	return err
}

// Redirect makes a descriptor of this process, such as that of standard error, lead to the log, also after it was put
// aside. So what the Go runtime says of a crash is in the log too.
func (f *File) Redirect(fd int) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := unix.Dup3(int(f.file.Fd()), fd, 0); err != nil {
		return fmt.Errorf("redirect to log: %w", err)
	}
	f.redirect = append(f.redirect, fd)
	return nil
}

// Write appends p to the log, whole and to one file.
func (f *File) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.size > 0 && f.size+int64(len(p)) > f.max {
		if err := os.Rename(f.path, former(f.path)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return 0, fmt.Errorf("put log aside: %w", err)
		}
		if err := f.open(); err != nil {
			return 0, err
		}
	}
	n, err := f.file.Write(p)
	f.size += int64(n)
	return n, err
}

// Sync does nothing: a log is not worth the wait for a disk.
func (f *File) Sync() error { return nil }

// Close closes the file; redirected descriptors stay open.
func (f *File) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.file.Close()
}

// Shorten puts the content of a log that has grown to max bytes aside, where another process has it open for appending. A
// line written in the same instant may be lost.
func Shorten(path string, max int64) error {
	info, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) || err == nil && info.Size() < max {
		return nil
	}
	if err != nil {
		return fmt.Errorf("examine log: %w", err)
	}
	if err := copyFile(path, former(path)); err != nil {
		return fmt.Errorf("put log aside: %w", err)
	}
	if err := os.Truncate(path, 0); err != nil {
		return fmt.Errorf("empty log: %w", err)
	}
	return nil
}

func copyFile(from, to string) error {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer source.Close()
	target, err := os.OpenFile(to, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(target, source)
	return errors.Join(err, target.Close())
}
