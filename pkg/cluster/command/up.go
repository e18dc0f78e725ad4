package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/proa-sh/proa/pkg/cluster"
	"github.com/proa-sh/proa/pkg/cluster/control"
	"github.com/proa-sh/proa/pkg/cluster/pki"
	"github.com/proa-sh/proa/pkg/cluster/process"
	"github.com/proa-sh/proa/pkg/cluster/steps"
)

func newUp(f *flags) *cobra.Command {
	return &cobra.Command{
		Use:   "up",
		Short: "Start the cluster in the background",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := f.config()
			if err != nil {
				return err
			}
			return up(cmd.Context(), cmd.OutOrStdout(), cfg, f.serverArgs())
		},
	}
}

func up(ctx context.Context, out io.Writer, cfg cluster.Config, serverArgs []string) error {
	client := control.NewClient(cfg.ControlSocket())
	status, err := client.Status(ctx)
	if err == nil {
		return followRunning(ctx, out, cfg, client, status)
	}
	if !errors.Is(err, control.ErrNotRunning) {
		return err
	}
	// The server looks again; done here first, a machine that cannot run a cluster is left without a trace.
	if _, err := cluster.Preflight(ctx, cfg); err != nil {
		return err
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
		<-ended
		if failure == "" {
			failure = "the server ended without a word; see " + cfg.ServerLog()
		}
		return errors.New(failure)
	}
	printUp(out, cfg, "")
	return nil
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
		if err == nil && failure != "" {
			err = errors.New(failure)
		}
		return err
	default:
		return fmt.Errorf("process %d is %s; try again when it has ended", status.Pid, status.Phase)
	}
}

// startServer starts this program again, as a server in a session of its own, and gives the pipe with its news.
func startServer(cfg cluster.Config, args []string) (*os.File, *exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, nil, fmt.Errorf("find own program: %w", err)
	}
	if err := os.MkdirAll(cfg.LogDir(), 0o700); err != nil {
		return nil, nil, fmt.Errorf("make log directory: %w", err)
	}
	if err := putAside(cfg.ServerLog()); err != nil {
		return nil, nil, err
	}
	log, err := os.OpenFile(cfg.ServerLog(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, nil, fmt.Errorf("open log: %w", err)
	}
	defer log.Close()
	read, write, err := os.Pipe()
	if err != nil {
		return nil, nil, fmt.Errorf("make pipe: %w", err)
	}
	defer write.Close()
	cmd := exec.Command(self, args...)
	cmd.Env = append(os.Environ(), newsVariable+"=3")
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

// maxLog is the size at which the server's log is put aside at the next start; the one before is lost.
const maxLog = 64 << 20

func putAside(path string) error {
	info, err := os.Stat(path)
	if err != nil || info.Size() < maxLog {
		return nil // not there, or small
	}
	if err := os.Rename(path, path+".1"); err != nil {
		return fmt.Errorf("put log aside: %w", err)
	}
	return nil
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

func newDown(f *flags) *cobra.Command {
	return &cobra.Command{
		Use:   "down",
		Short: "Stop the cluster and its pods and undo every change to this machine; the data stays",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := f.config()
			if err != nil {
				return err
			}
			if err := down(cmd.Context(), cmd.OutOrStdout(), cfg); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "The cluster is down. Its data is in %s.\n", cfg.DataDir)
			return nil
		},
	}
}

// down stops a running server, waits until its process has ended, and undoes what is left to undo.
func down(ctx context.Context, out io.Writer, cfg cluster.Config) error {
	if err := stopServer(ctx, out, cfg); err != nil {
		return err
	}
	return cluster.TakeDown(ctx, cfg)
}

func stopServer(ctx context.Context, out io.Writer, cfg cluster.Config) error {
	client := control.NewClient(cfg.ControlSocket())
	status, err := client.Status(ctx)
	if errors.Is(err, control.ErrNotRunning) {
		return nil
	}
	if err != nil {
		return err
	}
	server, err := process.Lookup(status.Pid)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("examine process %d: %w", status.Pid, err)
	}
	if err := client.Stop(ctx, true); err != nil {
		return err
	}
	err = client.Follow(ctx, func(m control.Message) bool {
		if m.Event == nil || m.Event.State == steps.Stopped {
			printDown(out, m)
		}
		return true
	})
	if err != nil && ctx.Err() != nil {
		return err
	}
	// The socket closes a moment before the process ends.
	return process.Wait(ctx, server)
}

// printDown prints what happens while the cluster stops, and not again what happened while it started.
func printDown(out io.Writer, m control.Message) {
	if m.Event != nil || strings.HasPrefix(m.Note, "Some pods") {
		printMessage(out, m)
	}
}

func newReset(f *flags) *cobra.Command {
	yes := false
	cmd := &cobra.Command{
		Use:   "reset",
		Short: "Take the cluster down and delete all its data",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := f.config()
			if err != nil {
				return err
			}
			if !yes && !confirm(cmd, cfg) {
				return errors.New("not confirmed; nothing was done")
			}
			if err := down(cmd.Context(), cmd.OutOrStdout(), cfg); err != nil {
				return err
			}
			if err := cluster.Delete(cmd.Context(), cfg); err != nil {
				return err
			}
			if err := pki.RemoveFromKubeconfig(cfg.Name); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "The cluster and %s are gone.\n", cfg.DataDir)
			return nil
		},
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return cmd
}

func confirm(cmd *cobra.Command, cfg cluster.Config) bool {
	fmt.Fprintf(cmd.OutOrStdout(), "Delete all data of the cluster in %s? Type %q: ", cfg.DataDir, filepath.Base(cfg.DataDir))
	answer := ""
	if _, err := fmt.Fscanln(cmd.InOrStdin(), &answer); err != nil {
		return false
	}
	return answer == filepath.Base(cfg.DataDir)
}
