package command

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/proa-sh/proa/pkg/cluster"
	"github.com/proa-sh/proa/pkg/cluster/control"
	"github.com/proa-sh/proa/pkg/cluster/process"
	"github.com/proa-sh/proa/pkg/cluster/unit"
)

// upByUnit has systemd run the keeper of the server, now and whenever the machine starts. A cluster that was not there before and
// cannot start leaves nothing; of another one systemd goes on to try.
func upByUnit(ctx context.Context, out io.Writer, cfg cluster.Config, client *control.Client, args []string) error {
	program, err := serverProgram(cfg, args)
	if err != nil {
		return err
	}
	log, err := openServerLog(cfg)
	if err != nil {
		return err
	}
	log.Close()
	made, err := cluster.Install(ctx, cfg, unit.Unit{
		Description: "Kubernetes cluster " + cfg.Name + " (proa)", Program: program,
		Env: serviceEnvironment(os.Environ(), cfg), Log: cfg.ServerLog(),
	})
	if err != nil {
		return err
	}
	err = startUnit(ctx, out, cfg, client)
	if err != nil && made {
		undoing, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWithin)
		defer cancel()
		err = errors.Join(err, endKeeper(undoing, cfg), cluster.TakeDown(undoing, cfg, warnOn(out)))
	}
	if err != nil {
		return err
	}
	printUp(out, cfg, "")
	return nil
}

// startUnit starts the service and prints what happens until the cluster runs.
func startUnit(ctx context.Context, out io.Writer, cfg cluster.Config, client *control.Client) error {
	service := cfg.Unit()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	started := make(chan error, 1)
	go func() { started <- service.Start(ctx) }()
	failure := followStart(ctx, out, client, started)
	err := <-started
	if ctx.Err() != nil { // an interrupt ends the wait and the start with it
		return errors.Join(ctx.Err(), service.Abandon(context.WithoutCancel(ctx)))
	}
	if err == nil {
		return nil
	}
	return errors.New(cmp.Or(failure, service.Said(ctx), fmt.Sprintf("%v; see %s", err, cfg.ServerLog())))
}

// followStart prints what the server tells, one life after the other, and gives what it said last of a failure. It returns when the
// cluster runs, or the start has ended; then its result is in started again.
func followStart(ctx context.Context, out io.Writer, client *control.Client, started chan error) (failure string) {
	pause := time.NewTicker(backPause)
	defer pause.Stop()
	for {
		running := false
		// That a life cannot be followed, or no more, means that there is none, or that it has ended.
		_ = client.Follow(ctx, func(m control.Message) bool {
			printMessage(out, m)
			failure = cmp.Or(m.Error, failure)
			running = m.Phase == control.Running
			return !running
		})
		if running {
			return failure
		}
		select {
		case <-pause.C:
		case err := <-started:
			started <- err
			return failure
		}
	}
}

// serviceEnvironment is what the server gets of the environment of `up`: where programs are, whose kubeconfig it is, and how the
// network is reached; and by what it is known.
func serviceEnvironment(own []string, cfg cluster.Config) []string {
	passed := []string{"PATH", "HOME", "KUBECONFIG", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"}
	kept := slices.DeleteFunc(slices.Clone(own), func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		return !slices.Contains(passed, name)
	})
	slices.Sort(kept)
	return append(kept, process.MarkEnv(keeperMark(cfg)))
}

// installed says whether systemd runs the cluster's server.
func installed(cfg cluster.Config) bool {
	exists, err := cfg.Unit().Exists()
	return exists && err == nil && unit.Booted()
}
