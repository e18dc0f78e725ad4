package histories

import (
	"slices"
	"strings"
	"sync"

	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// queue is a controller's queue from which keys are taken when the world says so. By then all events have been digested,
// so that it is no accident whether two of them make one reconciliation or two, and of which key.
type queue struct {
	workqueue.TypedRateLimitingInterface[reconcile.Request]
	who   string
	turns chan struct{} // one key may be taken
	ended chan struct{} // closed at shutdown
	close sync.Once
}

func newQueue(who string, limiter workqueue.TypedRateLimiter[reconcile.Request], arrived func()) *queue {
	inner := workqueue.NewTypedWithConfig(workqueue.TypedQueueConfig[reconcile.Request]{Queue: &sorted{arrived: arrived}})
	delaying := workqueue.NewTypedDelayingQueueWithConfig(workqueue.TypedDelayingQueueConfig[reconcile.Request]{Queue: inner})
	return &queue{
		TypedRateLimitingInterface: workqueue.NewTypedRateLimitingQueueWithConfig(limiter, workqueue.TypedRateLimitingQueueConfig[reconcile.Request]{DelayingQueue: delaying}),
		who:                        who, turns: make(chan struct{}), ended: make(chan struct{}),
	}
}

// Get implements workqueue.TypedInterface: it waits for its turn.
func (q *queue) Get() (key reconcile.Request, shutdown bool) {
	select {
	case <-q.turns:
		return q.TypedRateLimitingInterface.Get()
	case <-q.ended:
		return reconcile.Request{}, true
	}
}

// ShutDown implements workqueue.TypedInterface.
func (q *queue) ShutDown() {
	q.close.Do(func() { close(q.ended) })
	q.TypedRateLimitingInterface.ShutDown()
}

// ShutDownWithDrain implements workqueue.TypedInterface.
func (q *queue) ShutDownWithDrain() { q.ShutDown() }

// sorted implements workqueue.Queue: the first key by namespace and name comes first.
type sorted struct {
	keys    []reconcile.Request
	arrived func() // called with each key
}

func (s *sorted) Touch(reconcile.Request) {}
func (s *sorted) Len() int                { return len(s.keys) }
func (s *sorted) Push(key reconcile.Request) {
	s.keys = append(s.keys, key)
	s.arrived()
}
func (s *sorted) Pop() reconcile.Request {
	slices.SortFunc(s.keys, func(a, b reconcile.Request) int { return strings.Compare(a.String(), b.String()) })
	first := s.keys[0]
	s.keys = s.keys[1:]
	return first
}
