package process

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// markVariable is the environment variable that carries a mark.
const markVariable = "PROA_PROCESS"

// Process is one process in the life of the machine since its boot.
type Process struct {
	Pid int `json:"pid"`
	// Start is the kernel's start time in clock ticks since boot.
	Start uint64 `json:"start"`
	// Command is the name of the program as the kernel keeps it, at most 15 bytes.
	Command string `json:"command"`
}

// String names the process for people.
func (p Process) String() string { return fmt.Sprintf("process %d (%s)", p.Pid, p.Command) }

// maxCommand is how much the kernel keeps of a program's name, in bytes.
const maxCommand = 15

// Runs says whether the process runs the program at the path, or another of the same name.
func (p Process) Runs(path string) bool {
	name := filepath.Base(path)
	return p.Command == name[:min(len(name), maxCommand)]
}

// MarkEnv is the environment entry that marks a process to be started.
func MarkEnv(mark string) string { return markVariable + "=" + mark }

// Lookup reads what now runs under a number. The error is os.ErrNotExist if nothing does; a zombie counts as nothing.
func Lookup(pid int) (Process, error) {
	stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		if errors.Is(err, syscall.ESRCH) {
			err = os.ErrNotExist
		}
		return Process{}, err
	}
	return parseStat(stat)
}

// parseStat reads a line of /proc/<pid>/stat (proc(5)). The command stands in parentheses and may itself contain them,
// so fields are counted from the last one.
func parseStat(stat []byte) (Process, error) {
	open, closing := bytes.IndexByte(stat, '('), bytes.LastIndexByte(stat, ')')
	if open < 1 || closing < open {
		return Process{}, fmt.Errorf("read process state %q: no command", stat)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(stat[:open])))
	if err != nil {
		return Process{}, fmt.Errorf("read process number: %w", err)
	}
	fields := strings.Fields(string(stat[closing+1:]))
	const state, startTime = 0, 19 // the 3rd and the 22nd field of the line
	if len(fields) <= startTime {
		return Process{}, fmt.Errorf("read process state %q: %d fields", stat, len(fields))
	}
	if fields[state] == "Z" || fields[state] == "X" {
		return Process{}, os.ErrNotExist
	}
	start, err := strconv.ParseUint(fields[startTime], 10, 64)
	if err != nil {
		return Process{}, fmt.Errorf("read process start time: %w", err)
	}
	return Process{Pid: pid, Start: start, Command: string(stat[open+1 : closing])}, nil
}

// Marked gives the running processes that carry a mark, lowest number first. Processes that end meanwhile are left out, and those of
// pods: anybody may give them an environment.
func Marked(mark string) ([]Process, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	own, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return nil, fmt.Errorf("find own cgroups: %w", err)
	}
	want := []byte(MarkEnv(mark))
	var found []Process
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		environ, err := os.ReadFile(filepath.Join("/proc", entry.Name(), "environ"))
		if err != nil { // it ended, or is a kernel thread's
			continue
		}
		if !slices.ContainsFunc(bytes.Split(environ, []byte{0}), func(e []byte) bool { return bytes.Equal(e, want) }) {
			continue
		}
		cgroups, err := os.ReadFile(filepath.Join("/proc", entry.Name(), "cgroup"))
		if err != nil || inPod(string(cgroups), string(own)) {
			continue
		}
		if p, err := Lookup(pid); err == nil {
			found = append(found, p)
		}
	}
	slices.SortFunc(found, func(a, b Process) int { return a.Pid - b.Pid })
	return found, nil
}

// inPod says whether a process with that /proc/PID/cgroup (cgroups(7)) is in a pod, which it cannot leave. own is that of this
// process, which may be in a pod itself, with all that is ours.
func inPod(cgroups, own string) bool {
	ours := strings.Split(own, "\n")
	for line := range strings.Lines(cgroups) {
		line = strings.TrimSpace(line)
		fields := strings.SplitN(line, ":", 3)
		if len(fields) == 3 && !slices.Contains(ours, line) &&
			slices.ContainsFunc(strings.Split(fields[2], "/"), func(name string) bool { return name == "kubepods" || name == "kubepods.slice" }) {
			return true
		}
	}
	return false
}

// Stop ends processes: it asks each with SIGTERM, waits up to grace for all, kills those that remain, and returns when
// all have ended. Processes that have ended already, also those whose number another has now, are fine.
func Stop(ctx context.Context, grace time.Duration, processes ...Process) error {
	handles, err := openAll(processes)
	defer handles.close()
	if err != nil {
		return err
	}
	if err := handles.signal(unix.SIGTERM); err != nil {
		return err
	}
	graceCtx, cancel := context.WithTimeout(ctx, grace)
	defer cancel()
	if err := handles.wait(graceCtx); err == nil {
		return nil
	} else if ctx.Err() != nil {
		return fmt.Errorf("wait for processes to end: %w", err)
	}
	if err := handles.signal(unix.SIGKILL); err != nil {
		return err
	}
	return handles.wait(ctx)
}

// Kill ends processes at once with SIGKILL and returns when all have ended.
func Kill(ctx context.Context, processes ...Process) error {
	handles, err := openAll(processes)
	defer handles.close()
	if err != nil {
		return err
	}
	if err := handles.signal(unix.SIGKILL); err != nil {
		return err
	}
	return handles.wait(ctx)
}

// Wait returns when the process has ended, or with ctx's error.
func Wait(ctx context.Context, p Process) error {
	handles, err := openAll([]Process{p})
	defer handles.close()
	if err != nil {
		return err
	}
	return handles.wait(ctx)
}
