package cluster

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/proa-sh/proa/pkg/cluster/process"
)

// ErrInUse means that another process works on the same data directory.
var ErrInUse = errors.New("another proa works on this data directory")

// lock makes sure that one process at a time works on a data directory. The lock ends with the process, whose number is in
// the file.
func lock(cfg Config) (unlock func(), err error) {
	if err := os.MkdirAll(cfg.DataDir, 0o711); err != nil {
		return nil, fmt.Errorf("make data directory: %w", err)
	}
	file, err := os.OpenFile(cfg.lockFile(), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open lock: %w", err)
	}
	err = unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		file.Close()
		if holder, found := Holder(cfg); found {
			return nil, fmt.Errorf("%w (%s, %v)", ErrInUse, cfg.DataDir, holder)
		}
		return nil, fmt.Errorf("%w (%s)", ErrInUse, cfg.DataDir)
	}
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("lock data directory: %w", err)
	}
	if err := writePid(file); err != nil && !errors.Is(err, unix.ENOSPC) && !errors.Is(err, unix.EDQUOT) {
		file.Close()
		return nil, fmt.Errorf("write who has locked the data directory: %w", err)
	}
	return func() { file.Close() }, nil
}

// pidWidth is how many bytes the number takes in the file, whatever it is: written over the former one it takes no space, which
// a full disk has not. Without it the lock holds all the same.
const pidWidth = 16

func writePid(file *os.File) error {
	_, err := file.WriteAt(fmt.Appendf(nil, "%-*d", pidWidth, os.Getpid()), 0)
	return err
}

// Holder is the process that works on the data directory now, if there is one.
func Holder(cfg Config) (process.Process, bool) {
	file, err := os.Open(cfg.lockFile())
	if err != nil {
		return process.Process{}, false
	}
	defer file.Close()
	// Whoever gets the lock, be it shared and for a moment, knows that nobody has it.
	if err := unix.Flock(int(file.Fd()), unix.LOCK_SH|unix.LOCK_NB); !errors.Is(err, unix.EWOULDBLOCK) {
		return process.Process{}, false
	}
	content := make([]byte, pidWidth)
	n, _ := file.ReadAt(content, 0) // ends with io.EOF
	pid, err := strconv.Atoi(strings.TrimSpace(string(content[:n])))
	if err != nil {
		return process.Process{}, false
	}
	p, err := process.Lookup(pid)
	return p, err == nil
}
