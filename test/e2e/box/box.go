// Package box runs the tests of a package in network, mount and process namespaces of their own: they need no free port, may
// run beside a cluster, and leave nothing that runs or is mounted when they are killed. Files and cgroups are not of
// namespaces: whoever makes them takes them away.
package box

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"
)

const (
	// stageVariable tells the test binary what it is: nothing, the first process of the namespaces, or the test.
	stageVariable = "PROA_BOX_STAGE"
	dirVariable   = "PROA_BOX_DIR"
)

// Box is what is done around the tests.
type Box struct {
	// Prefix is how the name of the directory of this run begins, which is in /var/lib. Paths of sockets are short, so it is.
	Prefix string
	// Prepare is called in the namespaces by the process of the tests, before them; it may be nil.
	Prepare func() error
	// Finally is called in the namespaces when the tests have ended, however they did; it may be nil.
	Finally func() error
	// After is called outside when the namespaces have ended; it may be nil.
	After func(dir string) error
}

// Dir is the directory of this run.
func Dir() string { return os.Getenv(dirVariable) }

// Main runs the tests and returns the exit status. PROA_E2E_KEEP=1 leaves the directory.
func (b Box) Main(m *testing.M) int {
	switch os.Getenv(stageVariable) {
	case "":
		return b.outside()
	case "first":
		return b.first()
	}
	if b.Prepare != nil {
		if err := b.Prepare(); err != nil {
			fmt.Fprintln(os.Stderr, "prepare tests:", err)
			return 1
		}
	}
	return m.Run()
}

// outside runs the tests in namespaces and takes away what namespaces do not.
func (b Box) outside() int {
	dir, err := os.MkdirTemp("/var/lib", b.Prefix)
	if err != nil {
		fmt.Fprintln(os.Stderr, "make a directory (needs root):", err)
		return 1
	}
	code := again([]string{stageVariable + "=first", dirVariable + "=" + dir}, syscall.CLONE_NEWNET|syscall.CLONE_NEWNS|syscall.CLONE_NEWPID)
	if b.After != nil {
		if err := b.After(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
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

// command is this program once more, with the same arguments.
func command(env []string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	return cmd
}

func again(env []string, namespaces uintptr) int {
	cmd := command(env)
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
func (b Box) first() int {
	err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")
	if err == nil {
		err = unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "")
	}
	if err == nil {
		err = hide("/run", "/var/lib")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "set up namespaces:", err)
		return 1
	}
	cmd := command([]string{stageVariable + "=test"})
	if err := cmd.Start(); err != nil {
		fmt.Fprintln(os.Stderr, "start the test:", err)
		return 1
	}
	code := reapUntil(cmd.Process.Pid)
	if b.Finally != nil {
		if err := b.Finally(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	return code
}

// hide takes away what others have mounted below the directories, such as another cluster: here it would only be kept in use.
func hide(dirs ...string) error {
	mounts, err := mountinfo.GetMounts(nil)
	if err != nil {
		return err
	}
	for _, mount := range slices.Backward(mounts) {
		target := strings.TrimSuffix(mount.Mountpoint, "//deleted")
		if !slices.ContainsFunc(dirs, func(dir string) bool { return strings.HasPrefix(target, dir+"/") }) {
			continue
		}
		if err := unix.Unmount(target, unix.UMOUNT_NOFOLLOW|unix.MNT_DETACH); err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOENT) {
			return fmt.Errorf("unmount %s: %w", target, err)
		}
	}
	return nil
}

// reapUntil reaps until that process has ended, and gives its exit status.
func reapUntil(test int) int {
	for {
		var status unix.WaitStatus
		pid, err := unix.Wait4(-1, &status, 0, nil)
		if err != nil && !errors.Is(err, unix.EINTR) {
			fmt.Fprintln(os.Stderr, "wait for processes:", err)
			return 1
		}
		if pid != test || !(status.Exited() || status.Signaled()) {
			continue
		}
		if status.Signaled() {
			fmt.Fprintln(os.Stderr, "the test was ended by a signal:", status.Signal())
			return 1
		}
		return status.ExitStatus()
	}
}

// Bin is a path below the directory in which programs are built, seen from a package two levels below test.
func Bin(elements ...string) string {
	path, err := filepath.Abs(filepath.Join(append([]string{"../../../bin"}, elements...)...))
	if err != nil {
		panic(err) // the working directory is gone
	}
	return path
}
