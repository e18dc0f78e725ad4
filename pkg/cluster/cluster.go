package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/pprof"
	"time"

	"k8s.io/klog/v2"

	"github.com/proa-sh/proa/pkg/cluster/control"
	"github.com/proa-sh/proa/pkg/cluster/ledger"
	"github.com/proa-sh/proa/pkg/cluster/steps"
)

// Serve runs a cluster until ctx ends or somebody asks it over its socket to stop. What happens goes to the timeline,
// whose last message is Stopped. When it ends the host's changes stand, so that pods and their traffic go on until the
// next Serve; TakeDown reverts them. If it cannot start at all, they are reverted at once.
func Serve(ctx context.Context, cfg Config, timeline *control.Timeline) error {
	return ServeParts(ctx, cfg, timeline, Components)
}

// ServeParts is Serve with other parts on top of the store and the container runtime than all of Kubernetes.
func ServeParts(ctx context.Context, cfg Config, timeline *control.Timeline, parts func(*Environment) []steps.Step) error {
	err := serve(ctx, cfg, timeline, parts)
	timeline.Enter(control.Stopped, err)
	return err
}

func serve(ctx context.Context, cfg Config, timeline *control.Timeline, parts func(*Environment) []steps.Step) error {
	if err := cfg.Validate(); err != nil {
		return err
	}
	warnings, err := Preflight(ctx, cfg)
	if err != nil {
		return err
	}
	for _, warning := range warnings {
		timeline.Note("Warning: " + warning)
	}
	env := &Environment{Config: cfg, Timeline: timeline}
	unlock, err := lock(cfg)
	if err != nil {
		return err
	}
	defer unlock()
	if env.Ledger, err = ledger.Open(cfg.LedgerFile()); err != nil {
		return err
	}
	defer env.Ledger.Close()
	fresh := len(env.Ledger.Standing()) == 0
	if err := env.makeDirs(); err != nil {
		return err
	}
	started, err := env.run(ctx, parts)
	if started || !fresh {
		return err
	}
	// Nobody has used it yet: leave the machine as it was.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoWithin)
	defer cancel()
	return errors.Join(err, env.Ledger.Undo(ctx))
}

// run serves the control socket and runs the steps. It says whether all of them started.
func (e *Environment) run(ctx context.Context, parts func(*Environment) []steps.Step) (bool, error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	server := &control.Server{Timeline: e.Timeline, Status: e.status, Stop: func(pods bool) {
		if pods {
			e.stopPods.Store(true)
		}
		stop()
	}}
	socketCtx, closeSocket := context.WithCancel(context.WithoutCancel(ctx))
	served := make(chan error, 1)
	go func() {
		served <- server.Serve(socketCtx, e.Config.ControlSocket())
		stop() // a cluster that cannot be asked must not run
	}()
	noteStopping := context.AfterFunc(ctx, func() { e.Timeline.Enter(control.Stopping, nil) })
	defer noteStopping()
	started := false
	err := steps.Run(ctx, append(e.baseSteps(), parts(e)...), steps.Hooks{
		Context: func(ctx context.Context, step string) context.Context {
			return klog.NewContext(ctx, klog.FromContext(ctx).WithName(step))
		},
		Event: func(event steps.Event) {
			klog.FromContext(ctx).V(2).Info("Step", "step", event.Step, "state", event.State, "took", event.Took)
			e.Timeline.Event(event)
			if event.State == steps.Left {
				e.noteStacks(event.Step)
			}
		},
		Started: func() {
			started = true
			e.Timeline.Enter(control.Running, nil)
		},
	})
	// Before the socket closes, so that followers see it.
	e.Timeline.Enter(control.Stopped, err)
	closeSocket()
	return started, errors.Join(err, <-served)
}

// noteStacks writes down what every goroutine does, for whoever wants to know why a step did not stop.
func (e *Environment) noteStacks(step string) {
	file, err := os.Create(e.Config.StacksFile())
	if err == nil {
		err = errors.Join(pprof.Lookup("goroutine").WriteTo(file, 1), file.Close())
	}
	if err != nil {
		e.Timeline.Note(fmt.Sprintf("What %s still does could not be written down: %v", step, err))
		return
	}
	e.Timeline.Note(fmt.Sprintf("What %s still does is in %s", step, file.Name()))
}

// TakeDown reverts every change to the host. The cluster must not be running. It may be repeated.
func TakeDown(ctx context.Context, cfg Config) error {
	if _, err := os.Stat(cfg.LedgerFile()); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	unlock, err := lock(cfg)
	if err != nil {
		return err
	}
	defer unlock()
	return undo(ctx, cfg)
}

// undoWithin bounds how long all changes together may take to be reverted; see also the bounds in package ledger.
const undoWithin = 15 * time.Second

func undo(ctx context.Context, cfg Config) error {
	l, err := ledger.Open(cfg.LedgerFile())
	if err != nil {
		return err
	}
	defer l.Close()
	ctx, cancel := context.WithTimeout(ctx, undoWithin)
	defer cancel()
	return l.Undo(ctx)
}

// Delete takes the cluster down and removes its data. It refuses a directory that is not a cluster's.
func Delete(ctx context.Context, cfg Config) error {
	entries, err := os.ReadDir(cfg.DataDir)
	if errors.Is(err, os.ErrNotExist) || err == nil && len(entries) == 0 {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read data directory: %w", err)
	}
	if _, err := os.Stat(filepath.Join(cfg.DataDir, "version")); err != nil {
		return fmt.Errorf("%s does not look like a data directory of proa (%w); remove it yourself if it is one", cfg.DataDir, err)
	}
	unlock, err := lock(cfg)
	if err != nil {
		return err
	}
	defer unlock()
	if err := undo(ctx, cfg); err != nil {
		return fmt.Errorf("take the cluster down before its data is removed: %w", err)
	}
	if err := os.RemoveAll(cfg.DataDir); err != nil {
		return fmt.Errorf("remove data directory: %w", err)
	}
	return nil
}
