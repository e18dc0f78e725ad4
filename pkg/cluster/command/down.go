package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/proa-sh/proa/pkg/cluster"
	"github.com/proa-sh/proa/pkg/cluster/control"
	"github.com/proa-sh/proa/pkg/cluster/pki"
	"github.com/proa-sh/proa/pkg/cluster/process"
	"github.com/proa-sh/proa/pkg/cluster/steps"
)

func newDown(f *flags) *cobra.Command {
	now := false
	cmd := &cobra.Command{
		Use:   "down",
		Short: "Stop the cluster and its pods and undo every change to this machine; the data stays",
		Long: "Stop the cluster and its pods and undo every change to this machine; the data stays. Pods end with their preStop hooks and in\n" +
			"the time that each may take (terminationGracePeriodSeconds).",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := f.config()
			if err != nil {
				return err
			}
			if err := down(cmd.Context(), cmd.OutOrStdout(), cfg, now); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "The cluster is down. Its data is in %s.\n", cfg.DataDir)
			return nil
		},
	}
	cmd.Flags().BoolVar(&now, "now", false, "give no pod its time; also for a cluster that is being taken down already")
	return cmd
}

// down stops a running server, waits until its process has ended, and undoes what is left to undo.
func down(ctx context.Context, out io.Writer, cfg cluster.Config, now bool) error {
	if err := stopServer(ctx, out, cfg, now); err != nil {
		return err
	}
	err := cluster.TakeDown(ctx, cfg, warnOn(out))
	if holder, found := cluster.Holder(cfg); found && errors.Is(err, cluster.ErrInUse) {
		// Another one who takes it down; what it leaves is to be done.
		bounded, cancel := context.WithTimeout(ctx, stopWithin)
		defer cancel()
		if process.Wait(bounded, holder) == nil {
			return cluster.TakeDown(ctx, cfg, warnOn(out))
		}
	}
	return err
}

// warnOn prints what the user should know.
func warnOn(out io.Writer) func(string) {
	return func(text string) { fmt.Fprintln(out, "Warning:", text) }
}

// A server that was asked to stop may take stopWithin, and its socket answerWithin to answer; then it is killed. Its own
// bounds are shorter.
const (
	stopWithin   = 20 * time.Second
	answerWithin = 5 * time.Second
)

// stopServer asks the server to stop with its pods and returns when its process has ended. One that does not end is killed:
// the ledger knows all that it would have undone.
func stopServer(ctx context.Context, out io.Writer, cfg cluster.Config, now bool) error {
	server, found := cluster.Holder(cfg)
	err := askToStop(ctx, out, cfg, now)
	if errors.Is(err, control.ErrNotRunning) {
		return endKeeper(ctx, cfg) // a holder, if there is one, is no server, or not yet
	}
	if ctx.Err() != nil {
		return err
	}
	if !found {
		return err
	}
	// The socket closes a moment before the process ends.
	bounded, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if process.Wait(bounded, server) == nil {
		return endKeeper(ctx, cfg) // which ends by itself, a moment later
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	fmt.Fprintf(out, "The server, %v, did not stop in time and is killed.\n", server)
	if installed(cfg) {
		if err := cfg.Unit().Abandon(ctx); err != nil {
			return err
		}
	}
	kept, err := keepers(cfg) // who would start it again
	if err != nil {
		return err
	}
	if err := process.Kill(ctx, append(kept, server)...); err != nil {
		return fmt.Errorf("kill the server: %w", err)
	}
	return nil
}

// askToStop returns when the server has told that it has stopped, or does not answer in time. Pods that may take longer make it
// wait longer.
func askToStop(ctx context.Context, out io.Writer, cfg cluster.Config, now bool) error {
	client := control.NewClient(cfg.ControlSocket())
	answer, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	if err := client.Stop(answer, control.How{Pods: true, Now: now}); err != nil {
		return err
	}
	stop, giveUp := context.WithCancel(ctx)
	defer giveUp()
	until := time.Now().Add(stopWithin)
	timer := time.AfterFunc(stopWithin, giveUp)
	defer timer.Stop()
	return client.Follow(stop, func(m control.Message) bool {
		printDown(out, m)
		if longer := time.Now().Add(m.Takes + stopWithin); m.Takes > 0 && !now && longer.After(until) {
			until = longer
			timer.Reset(time.Until(until))
		}
		return m.Phase != control.Stopped
	})
}

// printDown prints what happens while the cluster stops, and not again what happened while it started.
func printDown(out io.Writer, m control.Message) {
	stopping := m.Event != nil && (m.Event.State == steps.Stopped || m.Event.State == steps.Left)
	for _, word := range []string{"Some pods", "Ending ", "Ended "} {
		stopping = stopping || strings.Contains(m.Note, word)
	}
	if stopping {
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
			// What the pods could still write is deleted with the rest.
			if err := down(cmd.Context(), cmd.OutOrStdout(), cfg, true); err != nil {
				return err
			}
			if err := cluster.Delete(cmd.Context(), cfg, warnOn(cmd.OutOrStdout())); err != nil {
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
