package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"k8s.io/klog/v2"
)

const (
	// grace is how long a process may take to end by itself before it is killed.
	grace = 2 * time.Second
	// killWithin is how long killed processes may take to end. The kernel does not end one that waits for a device; the
	// changes besides are undone all the same.
	killWithin = 3 * time.Second
)

// undoers is how each kind is undone. Each succeeds if the thing is gone already.
func (l *Ledger) undoers() map[Kind]func(context.Context, Entry) error {
	return map[Kind]func(context.Context, Entry) error{
		Interface:   undoInterface,
		Route:       undoRoute,
		NftTable:    undoNftTable,
		Mount:       undoMount,
		MountsUnder: undoMountsUnder,
		Cgroup:      undoCgroup,
		Processes:   undoProcesses,
		Sysctl:      l.undoSysctl,
		File:        undoFile,
		Dir:         undoDir,
		SharedDir:   undoSharedDir,
		Files:       undoFiles,
		NftRules:    undoNftRules,
		HostPorts:   undoHostPorts,
		Unit:        undoUnit,
	}
}

// Undo reverts the standing changes, newest first. It goes on after a failure; what failed keeps standing, so that Undo
// can be called again, and is in the error. It may be called again after any outcome: a change that is undone, of which a full
// disk did not let us take note, is then found undone. The ledger of an owner reverts only
// what was done for that owner. Changes of the kinds that are spared are left alone.
func (l *Ledger) Undo(ctx context.Context, spared ...Kind) error {
	logger := klog.FromContext(ctx)
	l.mu.Lock()
	defer l.mu.Unlock()
	undo := l.undoers()
	var faults, notes []error
	for _, e := range slices.Backward(slices.Clone(l.standing)) {
		if l.owner != "" && e.Owner != l.owner || slices.Contains(spared, e.Kind) {
			continue
		}
		if err := ctx.Err(); err != nil {
			faults = append(faults, fmt.Errorf("undo %s: %w", e, err))
			continue
		}
		revert, known := undo[e.Kind]
		if !known {
			faults = append(faults, fmt.Errorf("undo %s: a newer version wrote this kind; use that version", e))
			continue
		}
		if err := revert(ctx, e); err != nil {
			faults = append(faults, fmt.Errorf("undo %s: %w", e, err))
			continue
		}
		logger.V(2).Info("Undid change", "change", e.String())
		l.standing = without(l.standing, e.Seq)
		if err := l.write(line{Undone: e.Seq}); err != nil {
			notes = append(notes, fmt.Errorf("note in the ledger that %s is undone: %w", e, err))
		}
	}
	if len(l.standing) == 0 { // then nothing has to be noted, on a full disk neither
		return errors.Join(append(faults, l.empty())...)
	}
	return errors.Join(append(faults, notes...)...)
}

// empty shortens the file of a ledger in which nothing stands.
func (l *book) empty() error {
	if err := l.file.Truncate(0); err != nil {
		return fmt.Errorf("empty the ledger: %w", err)
	}
	l.size = 0
	return l.file.Sync()
}
