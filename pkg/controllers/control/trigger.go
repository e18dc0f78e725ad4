package control

import (
	"context"
	"sync"
	"time"

	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// Trigger is a source of keys that a controller wakes by itself.
type Trigger struct {
	mu    sync.Mutex
	queue queue            // guarded by mu; nil before the loop runs
	early map[Key]struct{} // guarded by mu; woken before
}

// Start implements source.Source.
func (t *Trigger) Start(_ context.Context, q workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.queue = q
	for key := range t.early {
		q.Add(key)
	}
	t.early = nil
	return nil
}

// Wake puts key into the queue.
func (t *Trigger) Wake(key Key) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.queue != nil {
		t.queue.Add(key)
		return
	}
	if t.early == nil {
		t.early = map[Key]struct{}{}
	}
	t.early[key] = struct{}{}
}

// WakeAfter puts key into the queue after a pause. Before the loop runs it is Wake.
func (t *Trigger) WakeAfter(key Key, pause time.Duration) {
	t.mu.Lock()
	q := t.queue
	t.mu.Unlock()
	if q == nil {
		t.Wake(key)
		return
	}
	q.AddAfter(key, pause)
}
