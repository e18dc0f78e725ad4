package steps

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Step is one part.
type Step struct {
	// Name is unique in the list and is what people see.
	Name string
	// After are the names of the steps that must have started before, and are stopped after, this one.
	After []string
	// Start returns when others may rely on the step. Its context ends when the step is to stop; work that goes on is
	// handed to the task.
	Start func(ctx context.Context, task *Task) error
	// Stop, if there is one, is called before the step's context ends, when all that need it have stopped. It is for
	// what must be done while the step still works.
	Stop func(ctx context.Context) error
	// StopWithin bounds how long the step may take to stop: the context of Stop ends then, and what has not ended is left
	// behind, which is an error. 0 means DefaultStop.
	StopWithin time.Duration
}

// DefaultStop is far more than a step takes that ends when its context does.
const DefaultStop = 5 * time.Second

// Task takes the work of a step that goes on after Start. It may be used until Start returns.
type Task struct {
	run *running
}

// Go runs fn until the step is stopped. If fn returns before that, with an error or without, everything is stopped.
func (t *Task) Go(fn func(ctx context.Context) error) {
	r := t.run
	r.work.Go(func() {
		err := fn(r.ctx)
		switch {
		case err != nil && !(r.ctx.Err() != nil && errors.Is(err, context.Canceled)):
			r.fail(&Error{Doing: "run", Step: r.step.Name, Err: err})
		case r.ctx.Err() == nil:
			r.fail(&Error{Doing: "run", Step: r.step.Name, Err: errors.New("it ended by itself")})
		}
	})
}

// GoUntil is Go and returns when ready is closed. If fn returns before, everything is stopped, as with Go.
func (t *Task) GoUntil(ctx context.Context, ready <-chan struct{}, fn func(ctx context.Context) error) error {
	t.Go(fn)
	select {
	case <-ready:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Error is what a step could not do: start, run or stop.
type Error struct {
	Doing, Step string
	Err         error
}

func (e *Error) Error() string { return e.Doing + " " + e.Step + ": " + e.Err.Error() }

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// State is what has become of a step.
type State string

const (
	Starting State = "starting"
	Started  State = "started"
	Failed   State = "failed"
	Stopping State = "stopping"
	Stopped  State = "stopped"
	// Left: it did not stop in time, and nobody waits for it any more.
	Left State = "left"
)

// Event says that a step has come to a state.
type Event struct {
	Step  string `json:"step"`
	State State  `json:"state"`
	// At is the time since Run began; Took is the time since the step's last event.
	At   time.Duration `json:"at"`
	Took time.Duration `json:"took"`
	// Error is what went wrong, with Failed and Left.
	Error string `json:"error,omitempty"`
}

// Hooks are told what happens. They are called by many goroutines and must return soon.
type Hooks struct {
	// Event is told of every step.
	Event func(Event)
	// Started is called once, when all steps have started.
	Started func()
	// Context, if there is one, makes a step's context of that of Run, for instance with a logger of the step's name.
	Context func(ctx context.Context, step string) context.Context
}

// running is a step in one Run.
type running struct {
	step      Step
	needs     []*running
	neededBy  []*running
	ctx       context.Context
	cancel    context.CancelFunc
	work      sync.WaitGroup
	report    func(Event)
	fail      func(error)
	startDone chan struct{} // closed when Start has returned, or will not be called
	started   chan struct{} // closed when Start has returned without error
	stopped   chan struct{}
	runBegan  time.Time

	mu      sync.Mutex
	began   time.Time // guarded by mu; of the present state
	entered bool      // guarded by mu; whether Start was called
	left    bool      // guarded by mu; the step was left behind and has nothing to say any more
}

// Run starts the steps, waits until ctx ends or one of them fails, and stops them. The error is nil if they ran until
// ctx ended and stopped well.
func Run(ctx context.Context, list []Step, hooks Hooks) error {
	var mu sync.Mutex
	var faults []error // guarded by mu
	abort := make(chan struct{})
	var once sync.Once
	fail := func(err error) {
		mu.Lock()
		faults = append(faults, err)
		mu.Unlock()
		once.Do(func() { close(abort) })
	}
	all, err := arrange(ctx, list, hooks, fail)
	if err != nil {
		return err
	}
	for _, r := range all {
		go r.start(abort) // joined by stop
	}
	var group sync.WaitGroup
	group.Go(func() { announce(all, abort, hooks.Started) })
	select {
	case <-ctx.Done():
		once.Do(func() { close(abort) })
	case <-abort:
	}
	for _, r := range all {
		group.Go(r.stop)
	}
	group.Wait()
	mu.Lock()
	defer mu.Unlock()
	return errors.Join(faults...)
}

// announce calls started when every step has.
func announce(all []*running, abort <-chan struct{}, started func()) {
	for _, r := range all {
		select {
		case <-r.started:
		case <-abort:
			return
		}
	}
	if started != nil {
		started()
	}
}

// start waits for what the step needs and starts it, unless everything is to stop before.
func (r *running) start(abort <-chan struct{}) {
	defer close(r.startDone)
	for _, need := range r.needs {
		select {
		case <-need.started:
		case <-abort:
			return
		}
	}
	select {
	case <-abort:
		return
	default:
	}
	r.mu.Lock()
	r.entered = true
	r.mu.Unlock()
	r.event(Starting, nil)
	if err := r.step.Start(r.ctx, &Task{run: r}); err != nil {
		r.event(Failed, err)
		if r.ctx.Err() == nil || !errors.Is(err, context.Canceled) { // else it was broken off
			r.fail(&Error{Doing: "start", Step: r.step.Name, Err: err})
		}
		return
	}
	r.event(Started, nil)
	close(r.started)
}

// stop ends the step when all that need it have ended. A step that is still starting is broken off. One that does not
// end in time is left behind, so that the others end all the same.
func (r *running) stop() {
	defer close(r.stopped)
	for _, user := range r.neededBy {
		<-user.stopped
	}
	bound := r.step.StopWithin
	if bound == 0 {
		bound = DefaultStop
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.ctx), bound)
	defer cancel()
	select {
	case <-r.started:
		r.event(Stopping, nil)
		if r.step.Stop != nil {
			if err := r.step.Stop(ctx); err != nil {
				r.fail(&Error{Doing: "stop", Step: r.step.Name, Err: err})
			}
		}
	default:
	}
	r.cancel()
	ended := make(chan struct{})
	go func() { // outlives stop only with work that is left behind
		defer close(ended)
		<-r.startDone
		r.work.Wait()
	}()
	select {
	case <-ended:
		r.event(Stopped, nil)
	case <-ctx.Done():
		r.leave(fmt.Errorf("it has not ended within %v", bound))
	}
}

// leave gives up waiting for the step.
func (r *running) leave(why error) {
	r.event(Left, why)
	r.mu.Lock()
	r.left = true
	r.mu.Unlock()
	r.fail(&Error{Doing: "stop", Step: r.step.Name, Err: why})
}

// event reports what has become of the step, if it was ever begun.
func (r *running) event(state State, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.entered || r.left {
		return
	}
	now := time.Now()
	e := Event{Step: r.step.Name, State: state, At: now.Sub(r.runBegan)}
	if !r.began.IsZero() {
		e.Took = now.Sub(r.began)
	}
	r.began = now
	if err != nil {
		e.Error = err.Error()
	}
	r.report(e)
}
