package nodelifecycle

import (
	"sync"
	"time"

	coordination "k8s.io/api/coordination/v1"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/proa-sh/proa/pkg/nodes"
)

// heartbeats remembers when each node was heard of. Times are those of this process, as clocks of nodes may differ: a
// heartbeat counts when it is another than before.
type heartbeats struct {
	mu    sync.Mutex
	nodes map[string]*heartbeat // guarded by mu; one per node and lease that exists
}

type heartbeat struct {
	heard time.Time
	lease metav1.MicroTime // last renewal
	ready metav1.Time      // last heartbeat of condition Ready
	// was is the readiness at the last look, by which a change is known.
	was v1.ConditionStatus
}

func (h *heartbeats) of(node string) *heartbeat {
	if h.nodes[node] == nil {
		h.nodes[node] = &heartbeat{heard: time.Now()}
	}
	return h.nodes[node]
}

// lease notes a lease.
func (h *heartbeats) lease(lease *coordination.Lease) {
	if lease.Spec.RenewTime == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if one := h.of(lease.Name); !one.lease.Equal(lease.Spec.RenewTime) {
		one.lease, one.heard = *lease.Spec.RenewTime, time.Now()
	}
}

// node notes a node, and returns when it was heard of last.
func (h *heartbeats) node(node *v1.Node) time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	one := h.of(node.Name)
	if c := nodes.Condition(node, v1.NodeReady); c != nil && c.Status != v1.ConditionUnknown && !one.ready.Equal(&c.LastHeartbeatTime) {
		one.ready, one.heard = c.LastHeartbeatTime, time.Now()
	}
	return one.heard
}

// turned says whether the node was ready at the last look and is not now, and notes the look.
func (h *heartbeats) turned(node string, now v1.ConditionStatus) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	one := h.of(node)
	turned := one.was == v1.ConditionTrue && now != v1.ConditionTrue
	one.was = now
	return turned
}

// forget drops a node.
func (h *heartbeats) forget(node string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.nodes, node)
}
