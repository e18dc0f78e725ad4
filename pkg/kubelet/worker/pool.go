package worker

import (
	"context"
	"sync"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/proa-sh/proa/pkg/kubelet/podstate"
)

// Config is what a Pool works with. The functions are called from many goroutines.
type Config struct {
	Settings Settings
	// Do carries out an action; it returns when the action has ended or ctx has.
	Do func(ctx context.Context, task Task) Result
	// Status computes the status of a pod, Changed whether two differ for the API, Repeats whether a new one says no more than
	// the last did, apart from what belongs to others.
	Status  func(*podstate.View) v1.PodStatus
	Changed func(known, wanted *v1.PodStatus) bool
	Repeats func(last, wanted *v1.PodStatus) bool
	// Event records an event on a pod, or on one of its containers.
	Event func(pod *v1.Pod, container, eventType, reason, message string)
	// Probes makes exactly these instances of the pod be probed.
	Probes func(pod *v1.Pod, targets []podstate.ProbeTarget)
	// Admit decides whether the node takes a new pod beside the others; a reason refuses it. It is called for one pod at a
	// time.
	Admit func(pod *v1.Pod, others []*v1.Pod) *podstate.Reason
	// Fits decides whether a pod of the node may have the resources of its changed spec: nil, or Deferred or Infeasible.
	Fits func(pod *v1.Pod, others []*v1.Pod) *podstate.Reason
	// Recall gives what an earlier kubelet remembered of a pod, nil if nothing is; may be nil itself.
	Recall func(uid types.UID) *podstate.Memory
	// Starts bounds how many sandboxes and containers are being started at a time, 0 for no bound. What waits for its turn holds
	// back nothing else, and is given up when its pod is to end.
	Starts int
	// Ended tells that nothing of a pod is left; may be nil. The pod may be given to Update again from then on.
	Ended func(uid types.UID)
}

// Pool gives each pod a worker.
type Pool struct {
	*Registry
	cfg Config
	ctx context.Context
	wg  sync.WaitGroup
	// starts are those under way.
	starts *starts
}

// NewPool makes a pool with workers in the registry, which stop when ctx ends. A registry has one pool.
func NewPool(ctx context.Context, registry *Registry, cfg Config) *Pool {
	return &Pool{Registry: registry, cfg: cfg, ctx: ctx, starts: newStarts(cfg.Starts)}
}

// Wait returns when all workers have ended, after ctx has.
func (p *Pool) Wait() { p.wg.Wait() }

// Update tells of a desired pod, new or changed. taken says that the node has taken it before this kubelet started: there is a
// record of it, or the runtime holds something of it.
func (p *Pool) Update(pod *v1.Pod, taken bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if w := p.workers[pod.UID]; w != nil {
		w.post(func(m *mail) {
			if m.pod == nil || !older(pod, m.pod) {
				m.pod = pod
			}
		})
		return
	}
	state := p.state(pod)
	state.admitted.taken = state.admitted.taken || taken
	if !state.admitted.taken && mustAdmit(pod) {
		if refusal := p.cfg.Admit(pod, p.active(nil)); refusal != nil {
			p.cfg.Event(pod, "", v1.EventTypeWarning, refusal.Reason, refusal.Message)
			state.Reject(refusal.Reason, refusal.Message)
		}
	}
	p.start(state)
}

// mustAdmit: a pod that has ended or is being deleted takes nothing of the node.
func mustAdmit(pod *v1.Pod) bool {
	return pod.DeletionTimestamp == nil && pod.Status.Phase != v1.PodSucceeded && pod.Status.Phase != v1.PodFailed
}

// Orphan ends what the runtime holds of a pod that is no longer desired.
func (p *Pool) Orphan(pod *v1.Pod) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.workers[pod.UID] != nil {
		return
	}
	state := p.state(pod)
	state.Gone = true
	p.start(state)
}

// state is that of a pod which is new to this kubelet.
func (p *Pool) state(pod *v1.Pod) *State {
	s := NewState(pod, p.cfg.Settings)
	if p.cfg.Recall == nil {
		return s
	}
	if m := p.cfg.Recall(pod.UID); m != nil {
		s.Recall(m)
	}
	return s
}

// start runs a worker; p.mu is held.
func (p *Pool) start(state *State) {
	w := newWorker(p, state)
	w.claim = state.withAllocated(state.Pod)
	uid := state.Pod.UID
	p.workers[uid] = w
	p.wg.Add(1)
	go func() {
		defer p.wg.Done()
		w.run(p.ctx)
		p.cfg.Probes(w.state.Pod, nil)
		p.mu.Lock()
		delete(p.workers, uid)
		p.mu.Unlock()
		if p.cfg.Ended != nil {
			p.cfg.Ended(uid)
		}
	}()
}

// Delete tells that the pod's object is gone from the API.
func (p *Pool) Delete(uid types.UID) { p.post(uid, func(m *mail) { m.gone = true }) }

// grant gives the pod the resources of its spec if they fit beside those of the others.
func (p *Pool) grant(w *worker, pod *v1.Pod) Result {
	p.mu.Lock()
	defer p.mu.Unlock()
	if refusal := p.cfg.Fits(pod, p.active(w)); refusal != nil {
		return Result{Waiting: *refusal}
	}
	w.claim = pod
	return Result{Granted: new(podstate.AllocationOf(pod))}
}

// active lists the pods that take resources of the node, but for one; p.mu is held.
func (p *Pool) active(but *worker) []*v1.Pod {
	var list []*v1.Pod
	for _, w := range p.workers {
		if w != but && !w.look().Stopped {
			list = append(list, w.claim)
		}
	}
	return list
}
