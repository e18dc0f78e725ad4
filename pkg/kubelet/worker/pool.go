package worker

import (
	"context"
	"sort"
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
	// Ended tells that nothing of a pod is left; may be nil. The pod may be given to Update again from then on.
	Ended func(uid types.UID)
}

// Pool holds a worker for each pod.
type Pool struct {
	cfg Config
	ctx context.Context
	wg  sync.WaitGroup
	mu  sync.Mutex
	// workers by UID; guarded by mu. A worker leaves when it has finished.
	workers map[types.UID]*worker
}

// NewPool makes a pool whose workers stop when ctx ends.
func NewPool(ctx context.Context, cfg Config) *Pool {
	return &Pool{cfg: cfg, ctx: ctx, workers: map[types.UID]*worker{}}
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
	state.taken = state.taken || taken
	if !state.taken && mustAdmit(pod) {
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

// Touch tells that something of the pod changed in the runtime. It says whether the pod is known.
func (p *Pool) Touch(uid types.UID) bool { return p.post(uid, func(m *mail) { m.touched = true }) }

// Refresh tells that an object which the pod names has changed.
func (p *Pool) Refresh(uid types.UID) { p.post(uid, func(m *mail) { m.refresh = true }) }

// Nudge makes every pod try again now what waits after a failure.
func (p *Pool) Nudge() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, w := range p.workers {
		w.post(func(m *mail) { m.nudge = true })
	}
}

// End ends the pod for a reason that is not in its object.
func (p *Pool) End(uid types.UID, e podstate.Ending) bool {
	return p.post(uid, func(m *mail) { m.ending = &e })
}

// Probe takes a probe's verdict in.
func (p *Pool) Probe(r podstate.ProbeResult) {
	p.post(r.UID, func(m *mail) {
		if m.probes == nil {
			m.probes = map[probeKey]podstate.ProbeResult{}
		}
		m.probes[probeKey{r.ContainerID, r.Kind}] = r
	})
}

func (p *Pool) post(uid types.UID, add func(*mail)) bool {
	p.mu.Lock()
	w := p.workers[uid]
	p.mu.Unlock()
	if w == nil {
		return false
	}
	w.post(add)
	return true
}

// Snapshot returns what is known of a pod.
func (p *Pool) Snapshot(uid types.UID) (Snapshot, bool) {
	p.mu.Lock()
	w := p.workers[uid]
	p.mu.Unlock()
	if w == nil {
		return Snapshot{}, false
	}
	return w.look(), true
}

// Snapshots returns what is known of every pod, by namespace, name and UID.
func (p *Pool) Snapshots() []Snapshot {
	p.mu.Lock()
	workers := make([]*worker, 0, len(p.workers))
	for _, w := range p.workers {
		workers = append(workers, w)
	}
	p.mu.Unlock()
	all := make([]Snapshot, 0, len(workers))
	for _, w := range workers {
		all = append(all, w.look())
	}
	sort.Slice(all, func(i, j int) bool {
		a, b := all[i].Pod, all[j].Pod
		if a.Namespace != b.Namespace {
			return a.Namespace < b.Namespace
		}
		if a.Name != b.Name {
			return a.Name < b.Name
		}
		return a.UID < b.UID
	})
	return all
}

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
