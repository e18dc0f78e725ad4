package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/proa-sh/proa/pkg/cluster"
	"github.com/proa-sh/proa/pkg/cluster/control"
	"github.com/proa-sh/proa/pkg/cluster/process"
)

// keeperMark is carried by the keeper of a cluster's server, and by the server, which its name tells apart.
func keeperMark(cfg cluster.Config) string { return "keeper:" + cfg.DataDir }

// keepers finds the keeper of the cluster's server, if there is one.
func keepers(cfg cluster.Config) ([]process.Process, error) {
	marked, err := process.Marked(keeperMark(cfg))
	if err != nil {
		return nil, fmt.Errorf("look for the keeper of the server: %w", err)
	}
	return slices.DeleteFunc(marked, func(p process.Process) bool { return !p.Runs(cfg.KeeperProgram()) }), nil
}

// endKeeper ends the keeper with what it keeps, that has stopped or cannot be asked to, and whatever would start it again.
func endKeeper(ctx context.Context, cfg cluster.Config) error {
	if installed(cfg) {
		if err := cfg.Unit().Stop(ctx); err != nil {
			return err
		}
	}
	found, err := keepers(cfg)
	if err != nil {
		return err
	}
	if err := process.Stop(ctx, stopWithin, found...); err != nil {
		return fmt.Errorf("end the keeper of the server: %w", err)
	}
	return nil
}

const (
	// backWithin bounds how long a server that has fallen may take to serve its socket again; it is longer than the keeper's pause.
	backWithin = 30 * time.Second
	backPause  = 50 * time.Millisecond
	// tellAfter is at which look the user is told: a keeper that does not start it again has ended by then.
	tellAfter = 3
)

// awaitBack returns the status of a server that fell and is started again by its keeper, or ErrNotRunning if nobody keeps it.
func awaitBack(ctx context.Context, out io.Writer, cfg cluster.Config, client *control.Client) (control.Status, error) {
	ctx, cancel := context.WithTimeout(ctx, backWithin)
	defer cancel()
	pause := time.NewTicker(backPause)
	defer pause.Stop()
	for polls := 1; ; polls++ {
		status, err := client.Status(ctx)
		ending := err == nil && (status.Phase == control.Stopping || status.Phase == control.Stopped)
		if !ending && !errors.Is(err, control.ErrNotRunning) {
			return status, err
		}
		found, lookErr := keepers(cfg)
		if lookErr != nil || len(found) == 0 {
			return status, errors.Join(lookErr, err)
		}
		if polls == tellAfter {
			fmt.Fprintln(out, "The server has ended; waiting for the next one.")
		}
		select {
		case <-pause.C:
		case <-ctx.Done():
			return status, fmt.Errorf("wait for the server to come back (see %s): %w", cfg.ServerLog(), ctx.Err())
		}
	}
}
