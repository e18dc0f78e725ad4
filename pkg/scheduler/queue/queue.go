package queue

import (
	"context"
	"fmt"
	"sync"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"
	"k8s.io/kube-scheduler/framework"

	"github.com/proa-sh/proa/pkg/scheduler/cache"
)

// Config is what a queue is made of.
type Config struct {
	// Less orders active pods.
	Less framework.LessFunc
	// PreEnqueue decides whether a pod may be tried at all. A rejection names its plugin. It must be quick and must not
	// call the queue.
	PreEnqueue func(ctx context.Context, pod *v1.Pod) *framework.Status
	// Hints are each profile's hints, by scheduler name.
	Hints map[string]Hints
	// InitialBackoff and MaxBackoff bound the penalty of a failed attempt.
	InitialBackoff, MaxBackoff time.Duration
	// MaxUnschedulable is after how long an unschedulable pod is tried without an event.
	MaxUnschedulable time.Duration
}

// Queue holds the pods that wait for a node. Its methods may be called from any goroutine.
type Queue struct {
	config Config
	// wake tells Pop that there may be a pod, timer tells Run that the next deadline may have changed.
	wake, timer chan struct{}

	mu sync.Mutex
	// All fields below are guarded by mu.

	pods          map[types.UID]*Pod
	active        podHeap
	backoff       podHeap
	errors        podHeap
	unschedulable podHeap
	// rejectedBy has the unschedulable pods by the plugins that turned them down.
	rejectedBy map[string]map[*Pod]struct{}
	flights    flights
	interest   map[framework.ClusterEvent]map[string]bool
	eventCount uint64
}

// New is an empty queue.
func New(config Config) *Queue {
	byBackoff := func(a, b *Pod) bool { return a.backoffUntil.Before(b.backoffUntil) }
	return &Queue{
		config:        config,
		wake:          make(chan struct{}, 1),
		timer:         make(chan struct{}, 1),
		pods:          map[types.UID]*Pod{},
		active:        podHeap{less: func(a, b *Pod) bool { return config.Less(a, b) }},
		backoff:       podHeap{less: byBackoff},
		errors:        podHeap{less: byBackoff},
		unschedulable: podHeap{less: func(a, b *Pod) bool { return a.timestamp.Before(b.timestamp) }},
		rejectedBy:    map[string]map[*Pod]struct{}{},
		interest:      map[framework.ClusterEvent]map[string]bool{},
	}
}

// Add puts a pod into the queue. The status is that of PreEnqueue: when it is not a success, the pod is gated.
func (q *Queue) Add(ctx context.Context, pod *v1.Pod) (*framework.Status, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if known, ok := q.pods[pod.UID]; ok {
		return q.update(ctx, known, known.Pod(), pod)
	}
	info, err := cache.NewPodInfo(pod)
	if err != nil {
		// The pod is tried nevertheless: the cycle turns it down with the same error, where users see it.
		err = fmt.Errorf("add pod %s to the queue: %w", klog.KObj(pod), err)
	}
	p := &Pod{Info: info, timestamp: time.Now()}
	q.pods[pod.UID] = p
	return q.enqueue(ctx, p, retryNow), err
}

// Update replaces a pod by a newer version. If the change can make a pod that was turned down fit, it is tried again.
func (q *Queue) Update(ctx context.Context, old, pod *v1.Pod) (*framework.Status, error) {
	q.mu.Lock()
	known, ok := q.pods[pod.UID]
	if !ok {
		q.mu.Unlock()
		return q.Add(ctx, pod)
	}
	defer q.mu.Unlock()
	return q.update(ctx, known, old, pod)
}

// UpdateKnown is Update for a pod that is not to come into the queue if it is not there already.
func (q *Queue) UpdateKnown(ctx context.Context, old, pod *v1.Pod) (*framework.Status, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if known, ok := q.pods[pod.UID]; ok {
		return q.update(ctx, known, old, pod)
	}
	return nil, nil
}

func (q *Queue) update(ctx context.Context, p *Pod, old, pod *v1.Pod) (*framework.Status, error) {
	if p.place == inFlight {
		p.latest, p.gone = pod, false
		for _, e := range PodChanges(old, pod) {
			q.flights.record(event{cluster: e, old: old, new: pod, only: p})
		}
		return nil, nil
	}
	info, err := cache.NewPodInfo(pod)
	if err != nil {
		err = fmt.Errorf("update pod %s in the queue: %w", klog.KObj(pod), err)
	}
	p.Info = info
	switch p.place {
	case active:
		q.active.fix(p.index)
	case unschedulable:
		logger := klog.FromContext(ctx)
		for _, e := range PodChanges(old, pod) {
			if answer := q.ask(logger, p, event{cluster: e, old: old, new: pod}); answer != stay {
				return q.enqueue(ctx, p, answer), err
			}
		}
	}
	return nil, err
}

// Delete takes a pod out. A pod in flight is dropped when it comes back.
func (q *Queue) Delete(pod *v1.Pod) {
	q.mu.Lock()
	defer q.mu.Unlock()
	p, ok := q.pods[pod.UID]
	switch {
	case !ok:
	case p.place == inFlight:
		p.gone = true
	default:
		q.leave(p)
		delete(q.pods, pod.UID)
	}
}

// Gone says whether a pod in flight was taken out meanwhile.
func (q *Queue) Gone(uid types.UID) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	p, ok := q.pods[uid]
	return ok && p.gone
}

// Pop takes the next pod and waits until there is one. It must be followed by Done or Return. Only one goroutine may
// pop.
func (q *Queue) Pop(ctx context.Context) (*Pod, error) {
	for {
		if p := q.tryPop(); p != nil {
			return p, nil
		}
		select {
		case <-q.wake:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

func (q *Queue) tryPop() *Pod {
	q.mu.Lock()
	defer q.mu.Unlock()
	p := q.active.head()
	if p == nil {
		p = q.backoff.head()
	}
	if p == nil {
		return nil
	}
	q.leave(p)
	p.place = inFlight
	p.attempts++
	if p.firstAttempt == nil {
		now := time.Now()
		p.firstAttempt = &now
	}
	p.eventsFrom = q.flights.start()
	return p
}

// Done ends a pod's flight: it has a node or needs none.
func (q *Queue) Done(uid types.UID) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if p, ok := q.pods[uid]; ok && p.place == inFlight {
		delete(q.pods, uid)
		p.place = nowhere
		q.flights.end(q.pods)
	}
}

// Return ends a pod's flight without a node. The pod's plugins say why; without any, the reason was an error. It
// reports the pod's newest version, which is nil when the pod is gone.
func (q *Queue) Return(ctx context.Context, p *Pod) *v1.Pod {
	q.mu.Lock()
	defer q.mu.Unlock()
	if p.place != inFlight {
		return p.Pod()
	}
	if p.gone {
		delete(q.pods, p.Pod().UID)
		p.place = nowhere
		q.flights.end(q.pods)
		return nil
	}
	if p.latest != nil {
		// A selector that cannot be parsed was reported when the version came in; the cycle turns the pod down for it.
		p.Info, _ = cache.NewPodInfo(p.latest)
		p.latest = nil
	}
	p.timestamp = time.Now()
	var answer verdict
	if len(p.UnschedulablePlugins)+len(p.PendingPlugins) == 0 {
		p.errorRuns++
		p.backoffUntil = p.timestamp.Add(q.penalty(p.errorRuns))
		answer = retryAfterBackoff
	} else {
		p.errorRuns = 0
		p.unschedulableRuns++
		p.backoffUntil = p.timestamp.Add(q.penalty(p.unschedulableRuns))
		answer = q.askMissed(klog.FromContext(ctx), p)
	}
	p.place = nowhere
	q.flights.end(q.pods)
	if answer == stay {
		q.enter(p, unschedulable)
	} else {
		q.enqueue(ctx, p, answer)
	}
	return p.Pod()
}

// askMissed holds the events of the pod's flight against it.
func (q *Queue) askMissed(logger klog.Logger, p *Pod) verdict {
	missed, complete := q.flights.since(p.eventsFrom)
	if !complete {
		return retryAfterBackoff
	}
	answer := stay
	for _, e := range missed {
		if e.only != nil && e.only != p || e.but == p {
			continue
		}
		if answer = max(answer, q.ask(logger, p, e)); answer == retryNow {
			break
		}
	}
	return answer
}

// penalty is the time after the nth failure in which a pod lets others go first.
func (q *Queue) penalty(n int) time.Duration {
	d := q.config.InitialBackoff
	for ; n > 1 && d < q.config.MaxBackoff; n-- {
		d *= 2
	}
	return min(d, q.config.MaxBackoff)
}

// Notify tells of an event that may make room: the pods that it can make fit, by the word of the plugins that turned
// them down, are tried again.
func (q *Queue) Notify(ctx context.Context, cluster framework.ClusterEvent, oldObj, newObj any) {
	q.NotifyOthers(ctx, nil, cluster, oldObj, newObj)
}

// NotifyOthers is Notify for all pods but one, which the event cannot help because it is of its own making.
func (q *Queue) NotifyOthers(ctx context.Context, but *Pod, cluster framework.ClusterEvent, oldObj, newObj any) {
	q.mu.Lock()
	defer q.mu.Unlock()
	e := event{cluster: cluster, old: oldObj, new: newObj, but: but}
	q.flights.record(e)
	if q.unschedulable.len() == 0 {
		return
	}
	logger := klog.FromContext(ctx)
	q.eventCount++
	for plugin, pods := range q.rejectedBy {
		if cluster != everything && !q.interested(cluster)[plugin] {
			continue
		}
		for p := range pods {
			if p.seen == q.eventCount {
				continue
			}
			p.seen = q.eventCount
			if answer := q.ask(logger, p, e); answer != stay {
				logger.V(4).Info("Trying pod again", "pod", klog.KObj(p.Pod()), "event", cluster.Label())
				q.enqueue(ctx, p, answer)
			}
		}
	}
}

// Activate puts pods, by their UID, at once among those to be tried.
func (q *Queue) Activate(ctx context.Context, pods map[string]*v1.Pod) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, pod := range pods {
		p, ok := q.pods[pod.UID]
		switch {
		case !ok || p.place == active:
		case p.place == inFlight:
			q.flights.record(event{cluster: everything, only: p})
		default:
			q.enqueue(ctx, p, retryNow)
		}
	}
}

// Counts are the numbers of pods by the name of their place.
func (q *Queue) Counts() map[string]int {
	q.mu.Lock()
	defer q.mu.Unlock()
	counts := map[string]int{}
	for _, p := range q.pods {
		if p.place == unschedulable && p.gatingPlugin != "" {
			counts["gated"]++
		} else {
			counts[p.place.String()]++
		}
	}
	return counts
}
