package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/proa-sh/proa/pkg/cluster"
	"github.com/proa-sh/proa/pkg/cluster/control"
	"github.com/proa-sh/proa/pkg/cluster/keeper"
	"github.com/proa-sh/proa/pkg/cluster/process"
	"github.com/proa-sh/proa/pkg/cluster/steps"
	"github.com/proa-sh/proa/pkg/cluster/unit"
)

func newUp(f *flags) *cobra.Command {
	return &cobra.Command{
		Use:   "up",
		Short: "Start the cluster in the background",
		Long: "Start the cluster in the background, with all the nodes that it has had before. If it runs already and has fewer nodes than\n" +
			"wanted, the missing ones are added; none is ever taken away.\n" +
			"Where systemd is the init, it runs the server, also when the machine starts, in a unit that `proa down` removes.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := f.config()
			if err != nil {
				return err
			}
			ctx, out := cmd.Context(), cmd.OutOrStdout()
			if err := up(ctx, out, cfg, f.serverArgs()); err != nil {
				return err
			}
			return ensureNodes(ctx, out, control.NewClient(cfg.ControlSocket()), f.nodes)
		},
	}
}

func up(ctx context.Context, out io.Writer, cfg cluster.Config, serverArgs []string) error {
	client := control.NewClient(cfg.ControlSocket())
	status, err := awaitBack(ctx, out, cfg, client)
	if err == nil && status.Phase == control.Running && len(status.LeftOut) > 0 {
		err = endLife(ctx, out, cfg, client, status)
	} else if err == nil {
		return followRunning(ctx, out, cfg, client, status)
	}
	if !errors.Is(err, control.ErrNotRunning) {
		return err
	}
	// The server looks again; done here first, a machine that cannot run a cluster is left without a trace.
	if _, err := cluster.Preflight(ctx, cfg); err != nil {
		return err
	}
	if unit.Booted() {
		return upByUnit(ctx, out, cfg, client, serverArgs)
	}
	news, server, err := startServer(cfg, serverArgs)
	if err != nil {
		return err
	}
	defer news.Close()
	ended := make(chan error, 1)
	go func() { ended <- server.Wait() }()
	// An interrupt ends the wait and the start with it.
	interrupted := context.AfterFunc(ctx, func() { server.Process.Signal(syscall.SIGTERM) })
	defer interrupted()

	running, failure, err := printNews(out, news)
	if err != nil {
		return err
	}
	if !running {
		return afterFirstLife(ctx, out, cfg, client, failure, ended)
	}
	printUp(out, cfg, "")
	return nil
}

// afterFirstLife is for a server that ended before it ran. If nobody starts it again, failure is why.
func afterFirstLife(ctx context.Context, out io.Writer, cfg cluster.Config, client *control.Client, failure string, ended <-chan error) error {
	status, err := awaitBack(ctx, out, cfg, client)
	if err == nil {
		return followRunning(ctx, out, cfg, client, status)
	}
	if !errors.Is(err, control.ErrNotRunning) {
		return err
	}
	<-ended
	if failure == "" {
		failure = "the server ended without a word; see " + cfg.ServerLog()
	}
	return errors.New(failure)
}

// endLife ends the server, so that the next one tries again what this one has left out. The pods go on. The error is
// ErrNotRunning when it has ended.
func endLife(ctx context.Context, out io.Writer, cfg cluster.Config, client *control.Client, status control.Status) error {
	fmt.Fprintf(out, "Trying again what was left out: %s.\n", strings.Join(status.LeftOut, ", "))
	server, found := cluster.Holder(cfg)
	if err := client.Stop(ctx, control.How{}); err != nil {
		return err
	}
	bounded, cancel := context.WithTimeout(ctx, stopWithin)
	defer cancel()
	if found {
		if err := process.Wait(bounded, server); err != nil {
			return fmt.Errorf("end the server: %w", err)
		}
	}
	if err := endKeeper(ctx, cfg); err != nil {
		return err
	}
	return control.ErrNotRunning
}

// followRunning is `up` for a cluster that runs or is being started or stopped by somebody else.
func followRunning(ctx context.Context, out io.Writer, cfg cluster.Config, client *control.Client, status control.Status) error {
	switch status.Phase {
	case control.Running:
		printUp(out, cfg, fmt.Sprintf(" already, as process %d", status.Pid))
		return nil
	case control.Starting:
		fmt.Fprintf(out, "It is being started by process %d.\n", status.Pid)
		failure := ""
		err := client.Follow(ctx, func(m control.Message) bool {
			printMessage(out, m)
			failure = m.Error
			return m.Phase != control.Running
		})
		if err != nil {
			return err
		}
		next, err := awaitBack(ctx, out, cfg, client)
		if errors.Is(err, control.ErrNotRunning) && failure != "" {
			return errors.New(failure)
		}
		if err != nil {
			return err
		}
		return followRunning(ctx, out, cfg, client, next) // one life after the other, until the one that falls is left out
	default:
		return fmt.Errorf("process %d is %s; try again when it has ended", status.Pid, status.Phase)
	}
}

// startServer starts a keeper that starts this program again, as a server in a session of its own, and gives the pipe with its
// news.
func startServer(cfg cluster.Config, args []string) (*os.File, *exec.Cmd, error) {
	program, err := serverProgram(cfg, args)
	if err != nil {
		return nil, nil, err
	}
	log, err := openServerLog(cfg)
	if err != nil {
		return nil, nil, err
	}
	defer log.Close()
	read, write, err := os.Pipe()
	if err != nil {
		return nil, nil, fmt.Errorf("make pipe: %w", err)
	}
	defer write.Close()
	cmd := exec.Command(program[0], program[1:]...)
	cmd.Env = append(os.Environ(), keeper.News+"=3", process.MarkEnv(keeperMark(cfg)))
	cmd.Dir = "/"
	cmd.Stdout, cmd.Stderr = log, log
	cmd.ExtraFiles = []*os.File{write} // becomes descriptor 3
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		read.Close()
		return nil, nil, fmt.Errorf("start server: %w", err)
	}
	return read, cmd, nil
}

// serverProgram is the command line of the keeper that runs this program as a server with the arguments.
func serverProgram(cfg cluster.Config, args []string) ([]string, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find own program: %w", err)
	}
	return slices.Concat([]string{cfg.KeeperProgram(), self}, args, []string{"--log-file", cfg.ServerLog()}), nil
}

func openServerLog(cfg cluster.Config) (*os.File, error) {
	if err := os.MkdirAll(cfg.LogDir(), 0o700); err != nil {
		return nil, fmt.Errorf("make log directory: %w", err)
	}
	log, err := os.OpenFile(cfg.ServerLog(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	return log, nil
}

// printNews prints what the server tells until it runs or ends.
func printNews(out io.Writer, news io.Reader) (running bool, failure string, err error) {
	err = control.ReadMessages(news, func(m control.Message) bool {
		printMessage(out, m)
		if m.Error != "" {
			failure = m.Error
		}
		running = m.Phase == control.Running
		return !running
	})
	return running, failure, err
}

// printMessage prints a line for what people want to know.
func printMessage(out io.Writer, m control.Message) {
	switch {
	case m.Note != "":
		fmt.Fprintln(out, m.Note)
	case m.Event != nil && m.Event.State == steps.Started:
		fmt.Fprintf(out, "  %-20s %s\n", m.Event.Step, seconds(m.Event.Took))
	case m.Event != nil && m.Event.State == steps.Left:
		fmt.Fprintf(out, "  %-20s %s\n", m.Event.Step, m.Event.Error)
	case m.Event != nil && m.Event.State == steps.Stopped:
		fmt.Fprintf(out, "  %-20s stopped in %s\n", m.Event.Step, seconds(m.Event.Took))
	case m.Phase == control.Running:
		fmt.Fprintf(out, "  %-20s %s\n", "all", seconds(m.After))
	}
}

func seconds(d time.Duration) string { return fmt.Sprintf("%6.3f s", d.Seconds()) }

func printUp(out io.Writer, cfg cluster.Config, how string) {
	fmt.Fprintf(out, "The cluster is up%s: %s\nTry: %s kubectl get nodes\n", how, cfg.ServerURL(), commandName(cfg))
}

// commandName is how this program is called for a cluster.
func commandName(cfg cluster.Config) string {
	if cfg.DataDir == cluster.DefaultDataDir {
		return "proa"
	}
	return "proa --data-dir " + cfg.DataDir
}
