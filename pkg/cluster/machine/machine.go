package machine

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/proa-sh/proa/pkg/cluster/machine/first"
	"github.com/proa-sh/proa/pkg/cluster/process"
)

// program is the first process of a machine, made from cmd/node-init.
const program = "node-init"

// restartGrace is how long the program may take to end before it is killed.
const restartGrace = 10 * time.Second

// Config is one machine.
type Config struct {
	first.Spec
	// BinDir holds node-init.
	BinDir string
	// Dir is the machine's directory for what ends with it, LogFile gets what its first process and the program say.
	Dir, LogFile string
	// Mark is carried by its processes.
	Mark string
	// Bridge is the host's, Port the name of the link that is attached to it.
	Bridge, Port string
	// Address is that of the machine, with the size of the bridge's network; Gateway is the host's there.
	Address netip.Prefix
	Gateway netip.Addr
}

// Program is where the first process of a machine is found.
func Program(binDir string) string { return filepath.Join(binDir, program) }

// SpecFile is where the machine's Spec is.
func (c Config) specFile() string { return filepath.Join(c.Dir, "machine.json") }

// Update has the machine, if it runs, start the program that is given now when the present one ends.
func (c Config) Update() error { return c.Spec.Write(c.specFile()) }

// Start makes the machine and returns its first process. It must not run.
func (c Config) Start() (*exec.Cmd, error) {
	if err := os.MkdirAll(c.Dir, 0o711); err != nil {
		return nil, fmt.Errorf("make directory of machine: %w", err)
	}
	if err := c.Update(); err != nil {
		return nil, err
	}
	log, err := os.OpenFile(c.LogFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open log of machine: %w", err)
	}
	defer log.Close()
	cmd := exec.Command(Program(c.BinDir), c.specFile())
	cmd.Env = append(environment(os.Environ()), process.MarkEnv(c.Mark))
	cmd.Dir = "/"
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Setsid: true, Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC | syscall.CLONE_NEWPID,
	}
	if err := c.connect(cmd.Start); err != nil {
		return nil, err
	}
	return cmd, nil
}

// environment is that of the machine: what this process was told about itself is not for others.
func environment(own []string) []string {
	return slices.DeleteFunc(slices.Clone(own), func(e string) bool {
		name, _, _ := strings.Cut(e, "=")
		return slices.Contains([]string{"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_FDS", "LISTEN_PID"}, name)
	})
}

// Find gives the first process of the machine whose processes carry the mark; false if it does not run.
func Find(mark string) (process.Process, bool, error) {
	marked, err := process.Marked(mark)
	if err != nil {
		return process.Process{}, false, fmt.Errorf("look for machine: %w", err)
	}
	for _, p := range marked {
		if p.Runs(program) {
			return p, true, nil
		}
	}
	return process.Process{}, false, nil
}

// CutPower ends the machine at once and returns when nothing of it is left but its link on the host.
func CutPower(ctx context.Context, mark string) error {
	p, found, err := Find(mark)
	if err != nil || !found {
		return err
	}
	if err := process.Kill(ctx, p); err != nil {
		return fmt.Errorf("end machine: %w", err)
	}
	return nil
}

// Restart ends the program of the machine, which then starts anew as the newest Spec says, and returns when the former has
// ended. What it has started goes on.
func (c Config) Restart(ctx context.Context) error {
	marked, err := process.Marked(c.Mark)
	if err != nil {
		return fmt.Errorf("look for the program of the machine: %w", err)
	}
	programs := slices.DeleteFunc(marked, func(p process.Process) bool { return !p.Runs(c.Spec.Program[0]) })
	if err := process.Stop(ctx, restartGrace, programs...); err != nil {
		return fmt.Errorf("stop the program of the machine: %w", err)
	}
	return nil
}
