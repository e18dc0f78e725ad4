package profile

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/kube-scheduler/framework"
)

// Waiting holds the pods that wait at Permit, and those that are being prepared for binding. Profiles share it.
type Waiting struct {
	mu sync.RWMutex
	// Both are guarded by mu.
	permit  map[types.UID]*waitingPod
	preBind map[types.UID]*podInPreBind
}

// NewWaiting holds no pod.
func NewWaiting() *Waiting {
	return &Waiting{permit: map[types.UID]*waitingPod{}, preBind: map[types.UID]*podInPreBind{}}
}

// Reject ends the waiting of a pod, if it waits.
func (w *Waiting) Reject(uid types.UID, message string) bool {
	if p := w.get(uid); p != nil {
		return p.Reject("", message)
	}
	return false
}

func (w *Waiting) get(uid types.UID) *waitingPod {
	w.mu.RLock()
	defer w.mu.RUnlock()
	return w.permit[uid]
}

func (w *Waiting) add(pod *v1.Pod, pending map[string]time.Duration) {
	p := &waitingPod{pod: pod, pending: pending, done: make(chan *framework.Status, 1)}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.permit[pod.UID] = p
}

func (w *Waiting) all() []*waitingPod {
	w.mu.RLock()
	defer w.mu.RUnlock()
	return slices.Collect(maps.Values(w.permit))
}

// wait waits until all plugins allow the pod, one rejects it, the shortest of their timeouts passes, or ctx ends.
func (w *Waiting) wait(ctx context.Context, uid types.UID) *framework.Status {
	p := w.get(uid)
	if p == nil {
		return nil
	}
	defer func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.permit, uid)
	}()
	start := time.Now()
	for {
		plugin, timeout := p.shortest()
		timer := time.NewTimer(time.Until(start.Add(timeout)))
		select {
		case status := <-p.done:
			timer.Stop()
			return status
		case <-timer.C:
			p.expire(plugin, timeout)
		case <-ctx.Done():
			timer.Stop()
			return framework.AsStatus(fmt.Errorf("wait at Permit: %w", context.Cause(ctx)))
		}
	}
}

type waitingPod struct {
	pod  *v1.Pod
	done chan *framework.Status

	mu sync.Mutex
	// Both are guarded by mu.
	pending map[string]time.Duration
	decided bool
}

var _ framework.WaitingPod = &waitingPod{}

func (p *waitingPod) shortest() (plugin string, timeout time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for name, t := range p.pending {
		if plugin == "" || t < timeout {
			plugin, timeout = name, t
		}
	}
	return plugin, timeout
}

// expire turns the pod down if the plugin has still not allowed it.
func (p *waitingPod) expire(plugin string, timeout time.Duration) {
	p.mu.Lock()
	_, pending := p.pending[plugin]
	p.mu.Unlock()
	if pending {
		p.Reject(plugin, fmt.Sprintf("timeout of %v waiting at Permit", timeout))
	}
}

// GetPod is the pod that waits.
func (p *waitingPod) GetPod() *v1.Pod { return p.pod }

// GetPendingPlugins are the plugins that have not allowed the pod yet.
func (p *waitingPod) GetPendingPlugins() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Sorted(maps.Keys(p.pending))
}

// Allow takes one plugin's objection away; without any left, the pod goes on.
func (p *waitingPod) Allow(plugin string) {
	p.mu.Lock()
	delete(p.pending, plugin)
	left := len(p.pending)
	p.mu.Unlock()
	if left == 0 {
		p.decide(nil)
	}
}

// Reject turns the pod down.
func (p *waitingPod) Reject(plugin, message string) bool {
	return p.decide(framework.NewStatus(framework.Unschedulable, message).WithPlugin(plugin))
}

// Preempt ends the pod's waiting without turning it down: it is tried again.
func (p *waitingPod) Preempt(plugin, message string) bool {
	return p.decide(framework.NewStatus(framework.Error, message).WithPlugin(plugin))
}

func (p *waitingPod) decide(status *framework.Status) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.decided {
		return false
	}
	p.decided = true
	p.done <- status
	return true
}

type podInPreBind struct {
	mu sync.Mutex
	// All are guarded by mu.
	cancel   context.CancelCauseFunc
	bound    bool
	canceled bool
}

var _ framework.PodInPreBind = &podInPreBind{}

// CancelPod cancels the pod's binding unless it has gone too far.
func (p *podInPreBind) CancelPod(reason string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bound {
		return false
	}
	p.canceled = true
	p.cancel(fmt.Errorf("binding canceled: %s", reason))
	return true
}

// MarkPrebound makes the binding irrevocable. It is false when it was canceled before.
func (p *podInPreBind) MarkPrebound() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.canceled {
		return false
	}
	p.bound = true
	return true
}
