package keeper

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/proa-sh/proa/pkg/killpoint"
)

// Exit statuses of the program.
const (
	// Done: it was asked to end.
	Done = 0
	// Failed: it could not start. Once it has served, such an end is not for ever, and it is started again.
	Failed = 1
	// Fell: it has served, and then could not go on. A panic gives 2, which means the same.
	Fell = 3
	// DoneBadly: it was asked to end, and not all went well at that.
	DoneBadly = 4
)

// News is the variable that names the descriptor to which the first life tells how its start goes.
const News = "PROA_NEWS_FD"

// LastEnd is the variable that tells a life how the one before ended; Ran how long that was, as time.Duration writes it.
const (
	LastEnd = "PROA_LAST_END"
	Ran     = "PROA_LAST_RAN"
)

// Lives that fall soon are begun again after firstPause, doubled each time up to lastPause; one that was as long as settled begins
// anew.
const (
	firstPause = 100 * time.Millisecond
	lastPause  = 10 * time.Second
	settled    = time.Minute
)

// lowestScore keeps the kernel's OOM killer off, which takes whatever else there is before it. What the program starts gets it
// too, and gives others to what it runs in turn.
const lowestScore = "-999"

// Run runs the program until it ends on purpose, and gives its exit status. The first life inherits the files that this process
// has beyond the three usual ones; they are closed here.
func Run(program []string) int {
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	// Where it is not permitted the program says so; it runs all the same.
	_ = os.WriteFile("/proc/self/oom_score_adj", []byte(lowestScore), 0)
	k := &keeper{program: program, inherited: inherited()}
	return k.run(signals)
}

// keeper is one program in life after life.
type keeper struct {
	program   []string
	inherited []*os.File
	last, ran string
	lives     int
	ended     bool // somebody has asked for the end
}

// inherited takes over the descriptors from 3 on, without a gap.
func inherited() []*os.File {
	var files []*os.File
	for fd := 3; ; fd++ {
		if _, _, errno := syscall.Syscall(syscall.SYS_FCNTL, uintptr(fd), syscall.F_GETFD, 0); errno != 0 {
			return files
		}
		if target, err := os.Readlink("/proc/self/fd/" + strconv.Itoa(fd)); err != nil || strings.HasPrefix(target, "anon_inode:") {
			return files // the runtime's own
		}
		files = append(files, os.NewFile(uintptr(fd), "inherited"))
	}
}

func (k *keeper) run(signals <-chan os.Signal) int {
	pause := firstPause
	for {
		began := time.Now()
		status, err := k.live(signals)
		lived := time.Since(began)
		if err != nil {
			fmt.Fprintln(os.Stderr, "Start the server:", err)
			return Failed
		}
		code := status.ExitStatus()
		if status.Exited() && (code == Done || code == DoneBadly || code == Failed && k.lives == 1) {
			return code
		}
		if k.ended {
			return Done
		}
		k.last, k.ran = describe(status), lived.String()
		if lived >= settled {
			pause = firstPause
		}
		pause = killpoint.Pause(pause)
		fmt.Fprintf(os.Stderr, "The server ended (%s) after %v, starting it again in %v\n", k.last, lived.Round(time.Millisecond), pause)
		select {
		case <-signals:
			return Done
		case <-time.After(pause):
		}
		pause = min(2*pause, lastPause)
	}
}

// live is one life of the program. Signals are passed on.
func (k *keeper) live(signals <-chan os.Signal) (syscall.WaitStatus, error) {
	cmd := exec.Command(k.program[0], k.program[1:]...)
	cmd.Env = os.Environ()
	if k.lives > 0 {
		cmd.Env = slices.DeleteFunc(cmd.Env, func(e string) bool { return strings.HasPrefix(e, News+"=") })
		cmd.Env = append(cmd.Env, LastEnd+"="+k.last, Ran+"="+k.ran)
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.ExtraFiles = k.inherited
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	err := cmd.Start()
	for _, file := range k.inherited {
		file.Close()
	}
	k.inherited = nil
	if err != nil {
		return 0, err
	}
	k.lives++
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = cmd.Wait() // how it ended is in its state
	}()
	for {
		select {
		case s := <-signals:
			k.ended = true
			_ = cmd.Process.Signal(s) // it may have ended
		case <-done:
			return cmd.ProcessState.Sys().(syscall.WaitStatus), nil
		}
	}
}

func describe(status syscall.WaitStatus) string {
	if status.Signaled() {
		return "signal: " + status.Signal().String()
	}
	return "exit status " + strconv.Itoa(status.ExitStatus())
}
