package upkeep

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
)

// A Part keeps one thing true.
type Part struct {
	// Name of the part; it is that of the server's post-start hook too, which waits for the first success.
	Name string
	// Keep brings what the part owns into its state, whatever that was. It is called again after that time, unless it is 0.
	Keep func(context.Context) (again time.Duration, err error)
	// Pause is the least time between two calls that succeed: what changes often is looked at once.
	Pause time.Duration
	// Vital parts must have succeeded before the server is ready. Others must have been tried.
	Vital bool
	// Wake are the informers that tell when to look again; Own are such that the loop runs, while others are shared.
	Wake, Own []Wake
	// Signal tells to look again too.
	Signal <-chan struct{}
}

// Wake calls a part when an object changes.
type Wake struct {
	Informer cache.SharedIndexInformer
	// Concerns reports whether the part cares. before is nil for an object that is new, now for one that has gone.
	Concerns func(before, now any) bool
}

// Pauses after failures; they double.
const (
	firstRetry   = 100 * time.Millisecond
	longestRetry = 30 * time.Second
	// patience is how often a part that is not vital may fail before the server is ready without it.
	patience = 5
)

// Loop runs parts.
type Loop struct{ parts []*running }

type running struct {
	Part
	wake chan struct{} // holds one: more wakes than one look are one
	done chan struct{} // closed when the server may be ready as far as this part goes
}

// NewLoop returns a loop of parts. Their informers must not have started yet.
func NewLoop(parts []Part) (*Loop, error) {
	l := &Loop{}
	for _, p := range parts {
		r := &running{Part: p, wake: make(chan struct{}, 1), done: make(chan struct{})}
		l.parts = append(l.parts, r)
		for _, w := range slices.Concat(p.Wake, p.Own) {
			if _, err := w.Informer.AddEventHandler(r.handler(w.Concerns)); err != nil {
				return nil, fmt.Errorf("watch for %s: %w", p.Name, err)
			}
		}
	}
	return l, nil
}

func (r *running) handler(concerns func(before, now any) bool) cache.ResourceEventHandler {
	look := func(before, now any) {
		if concerns(before, now) {
			select {
			case r.wake <- struct{}{}:
			default:
			}
		}
	}
	return cache.ResourceEventHandlerFuncs{
		AddFunc:    func(now any) { look(nil, now) },
		UpdateFunc: look,
		DeleteFunc: func(before any) {
			if gone, ok := before.(cache.DeletedFinalStateUnknown); ok {
				before = gone.Obj
			}
			look(before, nil)
		},
	}
}

// Names of the parts, in their order.
func (l *Loop) Names() []string {
	var out []string
	for _, p := range l.parts {
		out = append(out, p.Name)
	}
	return out
}

// Wait waits until the server may be ready as far as the named part goes, or ctx ends.
func (l *Loop) Wait(ctx context.Context, name string) error {
	for _, p := range l.parts {
		if p.Name != name {
			continue
		}
		select {
		case <-p.done:
			return nil
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w", name, context.Cause(ctx))
		}
	}
	return fmt.Errorf("there is no part %q", name)
}

// Run runs all parts until ctx ends, and returns when they have.
func (l *Loop) Run(ctx context.Context) {
	var all sync.WaitGroup
	for _, p := range l.parts {
		for _, w := range p.Own {
			all.Go(func() { w.Informer.RunWithContext(ctx) })
		}
		all.Go(func() { p.run(ctx) })
	}
	all.Wait()
}

func (r *running) run(ctx context.Context) {
	log := klog.FromContext(ctx).WithValues("part", r.Name)
	settled := sync.OnceFunc(func() { close(r.done) })
	retry, failures := newRetry(), 0
	for _, w := range r.Own { // what changes after the first look is told of
		cache.WaitForCacheSync(ctx.Done(), w.Informer.HasSynced)
	}
	for ctx.Err() == nil {
		again, err := r.Keep(ctx)
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			settled()
			retry, failures = newRetry(), 0
			sleep(ctx, r.Pause)
			r.await(ctx, again)
			continue
		}
		if failures++; failures >= patience && !r.Vital {
			settled()
		}
		pause := retry.Step()
		if apierrors.IsConflict(err) { // another server, or a person, was quicker
			log.V(2).Info("Upkeep met another writer; trying again", "after", pause, "err", err)
		} else {
			log.Error(err, "Upkeep failed; trying again", "after", pause)
		}
		sleep(ctx, pause)
	}
}

func newRetry() *wait.Backoff {
	return &wait.Backoff{Duration: firstRetry, Factor: 2, Steps: 32, Cap: longestRetry, Jitter: 0.1}
}

// await waits for a wake, or for that time if it is not 0.
func (r *running) await(ctx context.Context, again time.Duration) {
	var due <-chan time.Time
	if again > 0 {
		t := time.NewTimer(again)
		defer t.Stop()
		due = t.C
	}
	select {
	case <-r.wake:
	case <-r.Signal:
	case <-due:
	case <-ctx.Done():
	}
}

func sleep(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
