package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/proa-sh/proa/pkg/cluster/control"
	"github.com/proa-sh/proa/pkg/cluster/crash"
	"github.com/proa-sh/proa/pkg/cluster/directory"
	"github.com/proa-sh/proa/pkg/cluster/ledger"
	"github.com/proa-sh/proa/pkg/cluster/node"
	"github.com/proa-sh/proa/pkg/cluster/service"
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
	env := &Environment{Config: cfg}
	book := crash.New(cfg.LogDir(), crashParts())
	env.Service = &service.Service{Socket: cfg.ControlSocket(), StacksFile: cfg.Node().StacksFile(), Timeline: timeline, Describe: env.describe}
	unlock, err := lock(cfg)
	if err != nil {
		return err
	}
	defer unlock()
	if env.Ledger, err = ledger.Open(cfg.LedgerFile()); err != nil {
		return err
	}
	defer env.Ledger.Close()
	for _, damage := range env.Ledger.Damage() {
		timeline.Note("Warning: ledger of host changes " + damage)
	}
	env.Node = &node.Node{Config: cfg.Node(), Ledger: env.Ledger, Service: env.Service}
	fresh := !slices.ContainsFunc(env.Ledger.Standing(), func(e ledger.Entry) bool { return e.Kind != ledger.Unit })
	if err := env.makeDirs(); err != nil {
		return err
	}
	if env.records, err = cfg.ensureRecords(); err != nil {
		return err
	}
	env.lookBack(ctx, book)
	started, err := env.Run(ctx, env.without(append(env.baseSteps(), parts(env)...)))
	switch {
	case env.Asked():
		err = asked(err, book.EndRow())
	case err != nil && (started || len(env.falls) > 0 || tryAgain(err)):
		return fell(err, book)
	}
	if started || !fresh {
		return err
	}
	// Nobody has used it yet: leave the machine as it was.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoWithin)
	defer cancel()
	return errors.Join(err, env.Ledger.Undo(ctx, ledger.Unit)) // in which we may run
}

// TakeDown reverts every change to the host. The cluster must not be running. It may be repeated. warn is told what the user
// should know and what kept nothing from being done.
func TakeDown(ctx context.Context, cfg Config, warn func(string)) error {
	if _, err := os.Stat(cfg.LedgerFile()); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	unlock, err := lock(cfg)
	if err != nil {
		return err
	}
	defer unlock()
	// A server that fell, and was not there any more to be asked to end, has ended with the rest now.
	return errors.Join(crash.New(cfg.LogDir(), crash.Parts{}).EndRow(), undo(ctx, cfg, warn))
}

// undoWithin bounds how long all changes together may take to be reverted; see also the bounds in package ledger.
const undoWithin = 30 * time.Second

func undo(ctx context.Context, cfg Config, warn func(string)) error {
	l, err := ledger.Open(cfg.LedgerFile())
	if err != nil {
		return err
	}
	defer l.Close()
	for _, damage := range l.Damage() {
		warn("ledger of host changes " + damage)
	}
	ctx, cancel := context.WithTimeout(ctx, undoWithin)
	defer cancel()
	return l.Undo(ctx)
}

// Delete takes the cluster down and removes its data. It refuses a directory that is not a cluster's, and leaves what others have
// mounted in it.
func Delete(ctx context.Context, cfg Config, warn func(string)) error {
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
	if err := undo(ctx, cfg, warn); err != nil {
		return fmt.Errorf("take the cluster down before its data is removed: %w", err)
	}
	// It may be a disk of its own, which stays.
	spared, err := directory.Empty(cfg.DataDir)
	for _, mount := range spared {
		warn(fmt.Sprintf("%s is a mount that is not the cluster's; it was left with all that is in it", mount))
	}
	if err == nil && len(spared) == 0 {
		if err = os.Remove(cfg.DataDir); errors.Is(err, syscall.EBUSY) {
			return nil
		}
	}
	if err != nil {
		return fmt.Errorf("remove data directory: %w", err)
	}
	return nil
}
