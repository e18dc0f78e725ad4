package worker

import (
	"context"
	"slices"
	"sync"
	"time"
)

// startHeld is how long a start counts against the bound at the most. One that takes longer waits for something else than the
// processor, a network or a registry, and must not hold back all others.
const startHeld = 5 * time.Second

// starts bounds the starts of sandboxes and containers that are under way at a time on the node: each keeps the container runtime,
// its plugins and the kernel busy, and all at once take the processor from whoever else is on the machine, the API server among
// them, without being done earlier. Nothing but starts waits here. Containers go first, so that pods that were begun are brought to
// run before others are begun; beside that, who came first goes first. Nil is no bound.
type starts struct {
	mu sync.Mutex
	// free is how many more may begin; guarded by mu.
	free int
	// containers and sandboxes wait in their order, each for its channel to be closed; guarded by mu. While some wait, none is free.
	containers, sandboxes []chan struct{}
}

// newStarts makes a bound; zero is for none.
func newStarts(bound int) *starts {
	if bound <= 0 {
		return nil
	}
	return &starts{free: bound}
}

// isStart: the action is one that counts.
func isStart(k Kind) bool { return k == CreateSandbox || k == StartContainer }

// do does something when its turn has come, or nothing and gives an error if ctx ends before.
func (s *starts) do(ctx context.Context, kind Kind, start func() Result) Result {
	if s == nil {
		return start()
	}
	if err := s.take(ctx, kind); err != nil {
		return Result{Err: err}
	}
	held := time.AfterFunc(startHeld, s.giveBack)
	defer func() {
		if held.Stop() {
			s.giveBack()
		}
	}()
	return start()
}

// queue is where actions of the kind wait; s.mu is held.
func (s *starts) queue(kind Kind) *[]chan struct{} {
	if kind == StartContainer {
		return &s.containers
	}
	return &s.sandboxes
}

// take returns when it is the action's turn, with an error if ctx ends before.
func (s *starts) take(ctx context.Context, kind Kind) error {
	s.mu.Lock()
	if s.free > 0 && ctx.Err() == nil {
		s.free--
		s.mu.Unlock()
		return nil
	}
	turn := make(chan struct{})
	waiting := s.queue(kind)
	*waiting = append(*waiting, turn)
	s.mu.Unlock()
	select {
	case <-turn:
		return nil
	case <-ctx.Done():
	}
	s.mu.Lock()
	place := slices.Index(*waiting, turn)
	if place >= 0 {
		*waiting = slices.Delete(*waiting, place, place+1)
	}
	s.mu.Unlock()
	if place < 0 { // its turn had just come
		s.giveBack()
	}
	return ctx.Err()
}

// giveBack lets the next one begin.
func (s *starts) giveBack() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, waiting := range []*[]chan struct{}{&s.containers, &s.sandboxes} {
		if len(*waiting) > 0 {
			close((*waiting)[0])
			*waiting = (*waiting)[1:]
			return
		}
	}
	s.free++
}
