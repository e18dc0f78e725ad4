package first

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/proa-sh/proa/pkg/killpoint"
)

// A program that ends is started again after firstBackoff, doubled each time up to maxBackoff; one that has lived for
// healthyAfter begins anew.
const (
	firstBackoff = 100 * time.Millisecond
	maxBackoff   = 10 * time.Second
	healthyAfter = time.Minute
)

// Run is the life of the machine that the file describes. It returns without an error when the machine is switched off.
func Run(path string) error {
	spec, err := Read(path)
	if err != nil {
		return err
	}
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGCHLD)
	if err := spec.setUp(); err != nil {
		return err
	}
	return (&life{path: path, backoff: firstBackoff}).run(signals)
}

// life starts the program again and again. It has no goroutines.
type life struct {
	path    string
	pid     int // of the program, 0 while it does not run
	began   time.Time
	backoff time.Duration
}

func (l *life) run(signals <-chan os.Signal) error {
	if err := l.start(); err != nil {
		return err
	}
	again := time.NewTimer(0)
	again.Stop()
	for {
		select {
		case s := <-signals:
			if s == syscall.SIGTERM {
				return nil
			}
			ended, status := l.reap()
			if !ended {
				continue
			}
			if status.Exited() && status.ExitStatus() == 0 {
				return nil
			}
			wait := l.ended(time.Now())
			fmt.Fprintf(os.Stderr, "The agent ended (%s), starting it again in %v\n", describe(status), wait)
			again.Reset(wait)
		case <-again.C:
			if err := l.start(); err != nil {
				fmt.Fprintln(os.Stderr, err)
				again.Reset(l.ended(time.Now()))
			}
		}
	}
}

// start reads the program anew: whoever has the machine go on may have put another in its place.
func (l *life) start() error {
	spec, err := Read(l.path)
	if err != nil {
		return err
	}
	l.began = time.Now()
	l.pid, err = syscall.ForkExec(spec.Program[0], spec.Program, &syscall.ProcAttr{
		Dir: "/", Env: os.Environ(), Files: []uintptr{0, 1, 2}, Sys: &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		return fmt.Errorf("start %s: %w", spec.Program[0], err)
	}
	return nil
}

// ended says how long to wait until the program is started again.
func (l *life) ended(now time.Time) time.Duration {
	l.pid = 0
	if now.Sub(l.began) >= healthyAfter {
		l.backoff = firstBackoff
		return l.backoff
	}
	wait := killpoint.Pause(l.backoff)
	l.backoff = min(2*l.backoff, maxBackoff)
	return wait
}

// reap collects all processes that have ended; one signal may stand for many. It says whether the program is among them.
func (l *life) reap() (ended bool, how syscall.WaitStatus) {
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, syscall.WNOHANG, nil)
		if err == syscall.EINTR {
			continue
		}
		if pid <= 0 {
			return ended, how
		}
		if pid == l.pid {
			ended, how = true, status
		}
	}
}

func describe(status syscall.WaitStatus) string {
	if status.Signaled() {
		return status.Signal().String()
	}
	return fmt.Sprintf("exit status %d", status.ExitStatus())
}
