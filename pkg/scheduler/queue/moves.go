package queue

import (
	"context"
	"time"

	"k8s.io/klog/v2"
	"k8s.io/kube-scheduler/framework"
)

// enqueue puts a pod among those to be tried, unless it is gated.
func (q *Queue) enqueue(ctx context.Context, p *Pod, answer verdict) *framework.Status {
	q.leave(p)
	if status := q.config.PreEnqueue(ctx, p.Pod()); !status.IsSuccess() {
		p.gatingPlugin = status.Plugin()
		p.gatingEvents = q.config.Hints[p.Pod().Spec.SchedulerName].clusterEvents(p.gatingPlugin)
		p.timestamp = time.Now()
		q.enter(p, unschedulable)
		return status
	}
	p.gatingPlugin, p.gatingEvents = "", nil
	switch failed := p.errorRuns > 0; {
	case answer == retryNow && !failed || !p.backoffUntil.After(time.Now()):
		q.enter(p, active)
	case failed:
		q.enter(p, errorBackoff)
	default:
		q.enter(p, backoff)
	}
	return nil
}

// leave takes a pod out of its place.
func (q *Queue) leave(p *Pod) {
	if h := q.heap(p.place); h != nil {
		h.remove(p)
	}
	if p.place == unschedulable {
		for plugin := range p.rejecters {
			if delete(q.rejectedBy[plugin], p); len(q.rejectedBy[plugin]) == 0 {
				delete(q.rejectedBy, plugin)
			}
		}
	}
	p.place = nowhere
}

// enter puts a pod into a place.
func (q *Queue) enter(p *Pod, to place) {
	p.place = to
	h := q.heap(to)
	h.push(p)
	if to == unschedulable {
		for plugin := range p.rejecters {
			if q.rejectedBy[plugin] == nil {
				q.rejectedBy[plugin] = map[*Pod]struct{}{}
			}
			q.rejectedBy[plugin][p] = struct{}{}
		}
	}
	if to == active || to == backoff {
		signal(q.wake)
	}
	if to != active && h.head() == p {
		signal(q.timer)
	}
}

func (q *Queue) heap(of place) *podHeap {
	switch of {
	case active:
		return &q.active
	case backoff:
		return &q.backoff
	case errorBackoff:
		return &q.errors
	case unschedulable:
		return &q.unschedulable
	default:
		return nil
	}
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Run ends penalties when they are over, and the waiting of unschedulable pods that no event has helped. It returns
// nil when ctx ends.
func (q *Queue) Run(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		if next := q.flush(ctx); next.IsZero() {
			timer.Stop()
		} else {
			timer.Reset(time.Until(next))
		}
		select {
		case <-timer.C:
		case <-q.timer:
		case <-ctx.Done():
			return nil
		}
	}
}

// flush moves the pods whose time has come and returns when the next one's comes; zero when there is none.
func (q *Queue) flush(ctx context.Context) time.Time {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Now()
	var next time.Time
	for _, h := range []*podHeap{&q.backoff, &q.errors} {
		for p := h.head(); p != nil; p = h.head() {
			if p.backoffUntil.After(now) {
				next = earlier(next, p.backoffUntil)
				break
			}
			q.enqueue(ctx, p, retryNow)
		}
	}
	for p := q.unschedulable.head(); p != nil; p = q.unschedulable.head() {
		if until := p.timestamp.Add(q.config.MaxUnschedulable); until.After(now) {
			next = earlier(next, until)
			break
		}
		klog.FromContext(ctx).V(2).Info("Trying pod again though no event helped it", "pod", klog.KObj(p.Pod()), "plugins", p.UnschedulablePlugins)
		q.enqueue(ctx, p, retryAfterBackoff)
	}
	return next
}

func earlier(a, b time.Time) time.Time {
	if a.IsZero() || b.Before(a) {
		return b
	}
	return a
}
