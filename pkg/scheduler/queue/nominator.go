package queue

import (
	"slices"
	"sync"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"
	"k8s.io/kube-scheduler/framework"

	"github.com/proa-sh/proa/pkg/scheduler/cache"
)

// Nominator knows which pods without a node have one in prospect, for which other pods were evicted. Room on such a
// node is kept for them against pods of lower priority.
type Nominator struct {
	mu sync.RWMutex
	// Both are guarded by mu. byNode's slices are replaced, not written, for they are handed out.
	byNode map[string][]framework.PodInfo
	nodeOf map[types.UID]string
}

var _ framework.PodNominator = &Nominator{}

// NewNominator knows no pod.
func NewNominator() *Nominator {
	return &Nominator{byNode: map[string][]framework.PodInfo{}, nodeOf: map[types.UID]string{}}
}

// AddNominatedPod records a pod's prospect: the one given, or else the one in the pod's status.
func (n *Nominator) AddNominatedPod(_ klog.Logger, pod framework.PodInfo, given *framework.NominatingInfo) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.add(pod, given)
}

// DeleteNominatedPodIfExists forgets a pod.
func (n *Nominator) DeleteNominatedPodIfExists(pod *v1.Pod) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.remove(pod.UID)
}

// UpdateNominatedPod replaces a pod by a newer version. A prospect that no version has in its status yet is kept: the
// write of it is under way.
func (n *Nominator) UpdateNominatedPod(_ klog.Logger, old *v1.Pod, pod framework.PodInfo) {
	n.mu.Lock()
	defer n.mu.Unlock()
	var given *framework.NominatingInfo
	if old.Status.NominatedNodeName == "" && pod.GetPod().Status.NominatedNodeName == "" {
		if node, ok := n.nodeOf[old.UID]; ok {
			given = &framework.NominatingInfo{NominatingMode: framework.ModeOverride, NominatedNodeName: node}
		}
	}
	n.remove(old.UID)
	n.add(pod, given)
}

// Observe is UpdateNominatedPod for a pod that has none of its parts computed: it costs nothing for the many pods that
// have no prospect.
func (n *Nominator) Observe(logger klog.Logger, old, pod *v1.Pod) error {
	n.mu.RLock()
	_, known := n.nodeOf[pod.UID]
	n.mu.RUnlock()
	if !known && pod.Status.NominatedNodeName == "" {
		return nil
	}
	info, err := cache.NewPodInfo(pod)
	n.UpdateNominatedPod(logger, old, info)
	return err
}

// NominatedPodsForNode are the pods that have the node in prospect. Read-only.
func (n *Nominator) NominatedPodsForNode(nodeName string) []framework.PodInfo {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return n.byNode[nodeName]
}

// Empty tells whether no pod has a prospect at all.
func (n *Nominator) Empty() bool {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return len(n.nodeOf) == 0
}

func (n *Nominator) add(pod framework.PodInfo, given *framework.NominatingInfo) {
	n.remove(pod.GetPod().UID)
	node := pod.GetPod().Status.NominatedNodeName
	if given.Mode() == framework.ModeOverride {
		node = given.NominatedNodeName
	}
	if node == "" || pod.GetPod().Spec.NodeName != "" {
		return
	}
	n.nodeOf[pod.GetPod().UID] = node
	n.byNode[node] = append(slices.Clip(n.byNode[node]), pod)
}

func (n *Nominator) remove(uid types.UID) {
	node, ok := n.nodeOf[uid]
	if !ok {
		return
	}
	delete(n.nodeOf, uid)
	rest := slices.DeleteFunc(slices.Clone(n.byNode[node]), func(p framework.PodInfo) bool { return p.GetPod().UID == uid })
	if n.byNode[node] = rest; len(rest) == 0 {
		delete(n.byNode, node)
	}
}
