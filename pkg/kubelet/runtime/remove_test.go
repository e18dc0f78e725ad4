package runtime

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	criapi "k8s.io/cri-api/pkg/apis"
)

// slow takes a second for each call, and counts how many there are at a time.
type slow struct {
	criapi.RuntimeService
	mu        sync.Mutex
	now, most int
}

func (s *slow) call(ctx context.Context, _ string) error {
	s.mu.Lock()
	s.now++
	s.most = max(s.most, s.now)
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.now--
		s.mu.Unlock()
	}()
	select {
	case <-time.After(time.Second):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *slow) StopPodSandbox(ctx context.Context, id string) error   { return s.call(ctx, id) }
func (s *slow) RemovePodSandbox(ctx context.Context, id string) error { return s.call(ctx, id) }
func (s *slow) StopContainer(ctx context.Context, id string, _ int64) error {
	return s.call(ctx, id)
}

// TestRemovals: what is removed waits for its turn; containers are told to stop all at once, and may take their time.
func TestRemovals(t *testing.T) {
	const n = 3 * removalsAtOnce
	for _, tc := range []struct {
		name string
		do   func(*Runtime, context.Context) error
		most int
		took time.Duration
	}{
		{"stop sandboxes", func(r *Runtime, ctx context.Context) error { return r.StopSandbox(ctx, "s") }, removalsAtOnce, 3 * time.Second},
		{"remove sandboxes", func(r *Runtime, ctx context.Context) error { return r.RemoveSandbox(ctx, "s") }, removalsAtOnce, 3 * time.Second},
		{"stop containers", func(r *Runtime, ctx context.Context) error { return r.StopContainer(ctx, "c", 30) }, n, time.Second},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &slow{}
				r, began := New(Config{CRI: s}), time.Now()
				var wg sync.WaitGroup
				for range n {
					wg.Go(func() {
						if err := tc.do(r, t.Context()); err != nil {
							t.Error(err)
						}
					})
				}
				wg.Wait()
				if took := time.Since(began); s.most != tc.most || took != tc.took {
					t.Errorf("%d at a time, took %v; want %d, %v", s.most, took, tc.most, tc.took)
				}
			})
		})
	}
}
