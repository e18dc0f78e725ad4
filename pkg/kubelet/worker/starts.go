package worker

import (
	"context"
	"time"
)

// startHeld is how long a start counts against the bound at the most. One that takes longer waits for something else than the
// processor, a network or a registry, and must not hold back all others.
const startHeld = 5 * time.Second

// starts bounds the starts of sandboxes and containers that are under way at a time on the node: each keeps the container runtime,
// its plugins and the kernel busy, and all at once take the processor from whoever else is on the machine, the API server among
// them, without being done earlier. Nothing but starts waits here. Who came first goes first.
type starts chan struct{}

// newStarts makes a bound; zero is for none.
func newStarts(bound int) starts {
	if bound <= 0 {
		return nil
	}
	return make(starts, bound)
}

// isStart: the action is one that counts.
func isStart(k Kind) bool { return k == CreateSandbox || k == StartContainer }

// do does something when its turn has come, or nothing and gives an error if ctx ends before.
func (s starts) do(ctx context.Context, start func() Result) Result {
	if s == nil {
		return start()
	}
	if ctx.Err() != nil {
		return Result{Err: ctx.Err()}
	}
	select {
	case s <- struct{}{}:
	case <-ctx.Done():
		return Result{Err: ctx.Err()}
	}
	held := time.AfterFunc(startHeld, func() { <-s })
	defer func() {
		if held.Stop() {
			<-s
		}
	}()
	return start()
}
