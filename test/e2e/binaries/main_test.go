package binaries

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// stageVariable tells the test binary what it is: nothing, the first process of the namespaces, or the test.
	stageVariable = "PROA_BINARIES_STAGE"
	// dirVariable is the directory of this run, cgroupVariable the name of its cgroup in every hierarchy.
	dirVariable    = "PROA_BINARIES_DIR"
	cgroupVariable = "PROA_BINARIES_CGROUP"
)

func TestMain(m *testing.M) {
	switch os.Getenv(stageVariable) {
	case "":
		os.Exit(outside())
	case "first":
		os.Exit(first())
	}
	os.Exit(m.Run())
}

// outside runs the test in namespaces of its own and takes away what namespaces do not: files and cgroups.
func outside() int {
	// Paths of sockets are short, so the directory's is too.
	dir, err := os.MkdirTemp("/var/lib", "pb")
	if err != nil {
		fmt.Fprintln(os.Stderr, "make a directory (needs root):", err)
		return 1
	}
	cgroup := "/proa-binaries-" + filepath.Base(dir)
	env := append(os.Environ(), stageVariable+"=first", dirVariable+"="+dir, cgroupVariable+"="+cgroup)
	code := again(env, syscall.CLONE_NEWNET|syscall.CLONE_NEWNS|syscall.CLONE_NEWPID)
	for _, mount := range cgroupMounts() {
		if err := removeCgroup(filepath.Join(mount, cgroup)); err != nil {
			fmt.Fprintln(os.Stderr, "remove cgroup:", err)
			code = 1
		}
	}
	if os.Getenv("PROA_E2E_KEEP") == "" {
		if err := os.RemoveAll(dir); err != nil {
			fmt.Fprintln(os.Stderr, "remove directory:", err)
			code = 1
		}
	}
	return code
}

// again runs this program once more, with the same arguments.
func again(env []string, namespaces uintptr) int {
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Env = env
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: namespaces, Pdeathsig: syscall.SIGKILL}
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.ExitCode()
	}
	fmt.Fprintln(os.Stderr, "run the test in namespaces of its own (needs root):", err)
	return 1
}

// first is process 1 of the namespaces. It reaps what other processes leave behind, and ends with the test, with which
// everything ends that still runs.
func first() int {
	err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")
	if err == nil {
		err = unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "set up namespaces:", err)
		return 1
	}
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Env = append(os.Environ(), stageVariable+"=test")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	if err := cmd.Start(); err != nil {
		fmt.Fprintln(os.Stderr, "start the test:", err)
		return 1
	}
	for {
		var status unix.WaitStatus
		pid, err := unix.Wait4(-1, &status, 0, nil)
		if err != nil && !errors.Is(err, unix.EINTR) {
			fmt.Fprintln(os.Stderr, "wait for processes:", err)
			return 1
		}
		if pid != cmd.Process.Pid || !(status.Exited() || status.Signaled()) {
			continue
		}
		if status.Signaled() {
			fmt.Fprintln(os.Stderr, "the test was ended by a signal:", status.Signal())
			return 1
		}
		return status.ExitStatus()
	}
}

// cgroupMounts are the hierarchies of this machine.
func cgroupMounts() []string {
	text, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		panic(err) // there is no Linux without it
	}
	var mounts []string
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) > 2 && strings.HasPrefix(fields[2], "cgroup") {
			mounts = append(mounts, fields[1])
		}
	}
	return mounts
}

// removeCgroup removes a cgroup and those below it. The kernel needs a moment after the last process has ended.
func removeCgroup(dir string) error {
	var last error
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		dirs, err := cgroupsBelow(dir)
		if err != nil {
			return err
		}
		last = nil
		for i := len(dirs) - 1; i >= 0; i-- {
			if err := os.Remove(dirs[i]); err != nil && !errors.Is(err, fs.ErrNotExist) {
				last = err
			}
		}
		if last == nil {
			return nil
		}
		<-time.After(20 * time.Millisecond)
	}
	return last
}

// cgroupsBelow lists a cgroup and those below it, parents first.
func cgroupsBelow(dir string) ([]string, error) {
	var dirs []string
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil && entry.IsDir() {
			dirs = append(dirs, path)
		}
		return err
	})
	return dirs, err
}
