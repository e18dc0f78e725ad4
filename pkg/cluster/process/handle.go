package process

import (
	"context"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// handle is a pidfd: it stays with its process even if the number is used again.
type handle struct {
	process Process
	fd      int
}

type handles []handle

// openAll opens the processes that still run. Handles opened before an error are returned with it.
func openAll(processes []Process) (handles, error) {
	var opened handles
	for _, p := range processes {
		fd, err := unix.PidfdOpen(p.Pid, 0)
		if errors.Is(err, unix.ESRCH) {
			continue
		}
		if err != nil {
			return opened, fmt.Errorf("open process %d: %w", p.Pid, err)
		}
		// Looked up after the handle is held: if it is the same process now, the handle is that process's.
		now, err := Lookup(p.Pid)
		if err == nil && now.Start == p.Start {
			opened = append(opened, handle{process: p, fd: fd})
			continue
		}
		unix.Close(fd)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return opened, fmt.Errorf("examine process %d: %w", p.Pid, err)
		}
	}
	return opened, nil
}

func (hs handles) close() {
	for _, h := range hs {
		unix.Close(h.fd)
	}
}

func (hs handles) signal(signal unix.Signal) error {
	for _, h := range hs {
		if err := unix.PidfdSendSignal(h.fd, signal, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("send %v to process %d (%s): %w", signal, h.process.Pid, h.process.Command, err)
		}
	}
	return nil
}

func (hs handles) processes() []Process {
	var list []Process
	for _, h := range hs {
		list = append(list, h.process)
	}
	return list
}

// wait returns nil when all have ended, which the kernel tells by making a pidfd readable.
func (hs handles) wait(ctx context.Context) error {
	if len(hs) == 0 {
		return nil
	}
	wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return fmt.Errorf("make event: %w", err)
	}
	woken := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(woken)
		// Writing to an event counter of our own fails only if it is full, and then it is readable already.
		_, _ = unix.Write(wake, []byte{1, 0, 0, 0, 0, 0, 0, 0})
	})
	defer func() {
		if !stop() {
			<-woken
		}
		unix.Close(wake)
	}()
	remaining := hs
	for len(remaining) > 0 {
		fds := []unix.PollFd{{Fd: int32(wake), Events: unix.POLLIN}}
		for _, h := range remaining {
			fds = append(fds, unix.PollFd{Fd: int32(h.fd), Events: unix.POLLIN})
		}
		if _, err := unix.Poll(fds, -1); err != nil {
			if errors.Is(err, unix.EINTR) {
				continue
			}
			return fmt.Errorf("wait for processes: %w", err)
		}
		var still handles
		for i, h := range remaining {
			if fds[i+1].Revents == 0 {
				still = append(still, h)
			}
		}
		remaining = still
		if fds[0].Revents != 0 && len(remaining) > 0 {
			return fmt.Errorf("%v have not ended: %w", remaining.processes(), ctx.Err())
		}
	}
	return nil
}
