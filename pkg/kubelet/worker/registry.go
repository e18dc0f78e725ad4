package worker

import (
	"sort"
	"sync"

	"k8s.io/apimachinery/pkg/types"

	"github.com/proa-sh/proa/pkg/kubelet/podstate"
)

// Registry knows the pods that have a worker: it takes news for them, and shows what is known of each. It depends on nothing, so
// that whoever has news, or questions, is built before the pool that starts the workers; until then there are none.
type Registry struct {
	mu sync.Mutex
	// workers by UID; guarded by mu. A worker leaves when it has finished.
	workers map[types.UID]*worker
}

// NewRegistry makes an empty one.
func NewRegistry() *Registry { return &Registry{workers: map[types.UID]*worker{}} }

// Touch tells that something of the pod changed in the runtime. It says whether the pod is known.
func (r *Registry) Touch(uid types.UID) bool { return r.post(uid, func(m *mail) { m.touched = true }) }

// Refresh tells that an object which the pod names has changed.
func (r *Registry) Refresh(uid types.UID) { r.post(uid, func(m *mail) { m.refresh = true }) }

// Nudge makes every pod try again now what waits after a failure.
func (r *Registry) Nudge() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, w := range r.workers {
		w.post(func(m *mail) { m.nudge = true })
	}
}

// End ends the pod for a reason that is not in its object.
func (r *Registry) End(uid types.UID, e podstate.Ending) bool {
	return r.post(uid, func(m *mail) { m.ending = &e })
}

// Probe takes a probe's verdict in.
func (r *Registry) Probe(result podstate.ProbeResult) {
	r.post(result.UID, func(m *mail) {
		if m.probes == nil {
			m.probes = map[probeKey]podstate.ProbeResult{}
		}
		m.probes[probeKey{result.ContainerID, result.Kind}] = result
	})
}

func (r *Registry) post(uid types.UID, add func(*mail)) bool {
	r.mu.Lock()
	w := r.workers[uid]
	r.mu.Unlock()
	if w == nil {
		return false
	}
	w.post(add)
	return true
}

// Snapshot returns what is known of a pod.
func (r *Registry) Snapshot(uid types.UID) (Snapshot, bool) {
	r.mu.Lock()
	w := r.workers[uid]
	r.mu.Unlock()
	if w == nil {
		return Snapshot{}, false
	}
	return w.look(), true
}

// Snapshots returns what is known of every pod, by namespace, name and UID.
func (r *Registry) Snapshots() []Snapshot {
	r.mu.Lock()
	workers := make([]*worker, 0, len(r.workers))
	for _, w := range r.workers {
		workers = append(workers, w)
	}
	r.mu.Unlock()
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
