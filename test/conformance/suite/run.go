package suite

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"syscall"
	"time"
)

// Part is one call of ginkgo.
type Part struct {
	// Dir gets the output and the JUnit file.
	Dir string
	// Specs to run, and All that the suite has of this kind.
	Specs, All []string
	Procs      int
	// Within is when what still runs is broken off.
	Within time.Duration
}

// Programs are what a part needs to run, by their paths.
type Programs struct {
	Ginkgo, Suite, Kubectl, Kubeconfig string
}

// Names of what a part leaves behind in its directory.
const (
	OutputFile = "ginkgo.log"
	JUnitFile  = "junit_01.xml"
)

// endWithin is what ginkgo may take to end after it has been told to.
const endWithin = 3 * time.Minute

// Run runs the specs. A failed spec is no error; the JUnit file has it. progress gets a line for each spec that ended.
func Run(ctx context.Context, programs Programs, p Part, progress func(string)) error {
	if err := os.MkdirAll(p.Dir, 0o755); err != nil {
		return fmt.Errorf("make directory for results: %w", err)
	}
	log, err := os.Create(filepath.Join(p.Dir, OutputFile))
	if err != nil {
		return fmt.Errorf("make file for output: %w", err)
	}
	defer log.Close()
	ctx, cancel := context.WithTimeout(ctx, p.Within+endWithin)
	defer cancel()
	cmd := exec.CommandContext(ctx, programs.Ginkgo, p.args(programs)...)
	watcher := &watcher{total: len(p.Specs), report: progress}
	output := io.MultiWriter(log, watcher)
	cmd.Stdout, cmd.Stderr = output, output
	// The processes of ginkgo are ended together, and not by a terminal.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGINT) }
	cmd.WaitDelay = endWithin
	err = cmd.Run()
	if cmd.Process != nil {
		// Of a group that ended in good order nobody is left.
		if killErr := syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL); killErr != nil && !errors.Is(killErr, syscall.ESRCH) {
			err = errors.Join(err, fmt.Errorf("end what is left of ginkgo: %w", killErr))
		}
	}
	if ctx.Err() != nil {
		return fmt.Errorf("run ginkgo: %w", context.Cause(ctx))
	}
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return nil
	}
	return err
}

// args focus on a few specs by their names. For all there is a shorter way, which ginkgo matches faster.
func (p Part) args(programs Programs) []string {
	args := []string{"--procs=" + strconv.Itoa(p.Procs), "--timeout=" + p.Within.String(), "--no-color", "-v", "--keep-going"}
	switch {
	case len(p.Specs) < len(p.All):
		for _, spec := range p.Specs {
			args = append(args, "--focus="+regexp.QuoteMeta(spec)+"$")
		}
	case Serial(p.Specs[0]):
		args = append(args, `--focus=\[Serial\].*\[Conformance\]`)
	default:
		args = append(args, `--focus=\[Conformance\]`, `--skip=\[Serial\]`)
	}
	return append(args, programs.Suite, "--",
		"--kubeconfig="+programs.Kubeconfig, "--kubectl-path="+programs.Kubectl, "--provider=skeleton",
		"--report-dir="+p.Dir)
}
