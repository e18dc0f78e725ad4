package cache

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	ndf "k8s.io/component-helpers/nodedeclaredfeatures"
	"k8s.io/klog/v2"
	"k8s.io/kube-scheduler/framework"
)

// ErrPodNotOnNode is returned when a pod is to be removed from a node that does not carry it.
var ErrPodNotOnNode = errors.New("pod is not on the node")

// NodeInfo is a node, the pods on it, and the sums over them that scheduling needs.
//
// Successive versions of a node share slices and maps. Pods are appended behind the end that older versions see;
// everything else is replaced instead of written. That holds for one line of versions: Snapshot starts a second line
// and therefore cuts its slices' capacity.
type NodeInfo struct {
	node         *v1.Node
	pods         []framework.PodInfo
	affinity     []framework.PodInfo
	antiAffinity []framework.PodInfo
	usedPorts    framework.HostPortInfo
	requested    Resource
	nonZero      Resource
	allocatable  *Resource
	images       map[string]*framework.ImageStateSummary
	pvcs         map[string]int
	generation   int64
}

var _ framework.NodeInfo = &NodeInfo{}

// NewNodeInfo is an unnamed node with the pods given.
func NewNodeInfo(pods ...*v1.Pod) (*NodeInfo, error) {
	n := &NodeInfo{allocatable: &Resource{}}
	for _, pod := range pods {
		info, err := NewPodInfo(pod)
		if err != nil {
			return nil, err
		}
		n.AddPodInfo(info)
	}
	return n, nil
}

// Node is the node object; nil while only pods of it are known. Read-only.
func (n *NodeInfo) Node() *v1.Node {
	if n == nil {
		return nil
	}
	return n.node
}

// GetPods are the pods on the node, assumed ones included. Read-only.
func (n *NodeInfo) GetPods() []framework.PodInfo { return n.pods }

// GetPodsWithAffinity are the pods on the node that have pod affinity or anti-affinity terms.
func (n *NodeInfo) GetPodsWithAffinity() []framework.PodInfo { return n.affinity }

// GetPodsWithRequiredAntiAffinity are the pods on the node with anti-affinity terms that must hold.
func (n *NodeInfo) GetPodsWithRequiredAntiAffinity() []framework.PodInfo { return n.antiAffinity }

// GetUsedPorts are the host ports in use. Read-only.
func (n *NodeInfo) GetUsedPorts() framework.HostPortInfo { return n.usedPorts }

// GetRequested is the sum of the pods' requests.
func (n *NodeInfo) GetRequested() framework.Resource { return &n.requested }

// GetNonZeroRequested is the sum of the pods' requests where containers without a request count with the default.
func (n *NodeInfo) GetNonZeroRequested() framework.Resource { return &n.nonZero }

// GetAllocatable is what the node offers to pods.
func (n *NodeInfo) GetAllocatable() framework.Resource { return n.allocatable }

// GetImageStates are the images on the node. Read-only.
func (n *NodeInfo) GetImageStates() map[string]*framework.ImageStateSummary { return n.images }

// GetPVCRefCounts is the number of pods on the node by the claim they use. Read-only.
func (n *NodeInfo) GetPVCRefCounts() map[string]int { return n.pvcs }

// GetGeneration grows with every change.
func (n *NodeInfo) GetGeneration() int64 { return n.generation }

// GetNodeDeclaredFeatures is the empty set: no plugin of ours reads it, and it has no meaning without the feature
// mapper of the plugin that does.
func (n *NodeInfo) GetNodeDeclaredFeatures() ndf.FeatureSet { return ndf.FeatureSet{} }

// GetNodeAllocatableDRAClaimState is nil: dynamic resource allocation of node resources is not scheduled here.
func (n *NodeInfo) GetNodeAllocatableDRAClaimState() map[types.NamespacedName]*framework.NodeAllocatableDRAClaimState {
	return nil
}

// Snapshot is a copy that may be changed without changing the receiver.
func (n *NodeInfo) Snapshot() framework.NodeInfo { return n.fork() }

func (n *NodeInfo) fork() *NodeInfo {
	c := *n
	c.pods = slices.Clip(n.pods)
	c.affinity = slices.Clip(n.affinity)
	c.antiAffinity = slices.Clip(n.antiAffinity)
	return &c
}

// next is the successor in the same line of versions.
func (n *NodeInfo) next(generation int64) *NodeInfo {
	c := *n
	c.generation = generation
	return &c
}

// String says how full the node is.
func (n *NodeInfo) String() string {
	name := "<unknown>"
	if n.node != nil {
		name = n.node.Name
	}
	return fmt.Sprintf("node %s: %d pods, requested %+v of %+v, generation %d", name, len(n.pods), n.requested, *n.allocatable, n.generation)
}

// SetNode sets the node object and what follows from it.
func (n *NodeInfo) SetNode(node *v1.Node) {
	n.node = node
	allocatable := NewResource(node.Status.Allocatable)
	n.allocatable = &allocatable
	n.generation++
}

// AddPodInfo counts a pod on the node.
func (n *NodeInfo) AddPodInfo(pod framework.PodInfo) {
	n.pods = append(n.pods, pod)
	if hasAffinity(pod) {
		n.affinity = append(n.affinity, pod)
	}
	if len(pod.GetRequiredAntiAffinityTerms()) > 0 {
		n.antiAffinity = append(n.antiAffinity, pod)
	}
	n.count(pod, 1)
}

// RemovePod takes a pod away, found by its UID.
func (n *NodeInfo) RemovePod(_ klog.Logger, pod *v1.Pod) error {
	i := indexOf(n.pods, pod.UID)
	if i < 0 {
		return fmt.Errorf("remove pod %s from %s: %w", klog.KObj(pod), n.String(), ErrPodNotOnNode)
	}
	removed := n.pods[i]
	n.pods = without(n.pods, i)
	if i := indexOf(n.affinity, pod.UID); i >= 0 {
		n.affinity = without(n.affinity, i)
	}
	if i := indexOf(n.antiAffinity, pod.UID); i >= 0 {
		n.antiAffinity = without(n.antiAffinity, i)
	}
	n.count(removed, -1)
	return nil
}

func hasAffinity(pod framework.PodInfo) bool {
	if p, ok := pod.(*PodInfo); ok {
		return p.hasAffinity()
	}
	return len(pod.GetRequiredAffinityTerms())+len(pod.GetRequiredAntiAffinityTerms())+
		len(pod.GetPreferredAffinityTerms())+len(pod.GetPreferredAntiAffinityTerms()) > 0
}

func indexOf(pods []framework.PodInfo, uid types.UID) int {
	return slices.IndexFunc(pods, func(p framework.PodInfo) bool { return p.GetPod().UID == uid })
}

// without is a new slice: older versions see the old one. It leaves room to append, for what comes most often after
// a pod goes is another pod.
func without(pods []framework.PodInfo, i int) []framework.PodInfo {
	if len(pods) == 1 {
		return nil
	}
	c := make([]framework.PodInfo, 0, len(pods))
	return append(append(c, pods[:i]...), pods[i+1:]...)
}

func (n *NodeInfo) count(pod framework.PodInfo, sign int64) {
	requests := pod.CalculateResource()
	n.requested.add(requests.Resource, sign)
	n.nonZero.MilliCPU += sign * requests.Non0CPU
	n.nonZero.Memory += sign * requests.Non0Mem
	n.countPorts(pod.GetPod(), sign > 0)
	n.countClaims(pod.GetPod(), int(sign))
	n.generation++
}

func (n *NodeInfo) countPorts(pod *v1.Pod, add bool) {
	var changed framework.HostPortInfo
	for port := range HostPorts(pod) {
		if changed == nil {
			changed = make(framework.HostPortInfo, len(n.usedPorts)+1)
			for ip, ports := range n.usedPorts {
				changed[ip] = maps.Clone(ports)
			}
		}
		if add {
			changed.Add(port.HostIP, string(port.Protocol), port.HostPort)
		} else {
			changed.Remove(port.HostIP, string(port.Protocol), port.HostPort)
		}
	}
	if changed != nil {
		n.usedPorts = changed
	}
}

func (n *NodeInfo) countClaims(pod *v1.Pod, sign int) {
	var changed map[string]int
	for claim := range Claims(pod) {
		if changed == nil {
			if changed = maps.Clone(n.pvcs); changed == nil {
				changed = map[string]int{}
			}
		}
		if changed[claim] += sign; changed[claim] <= 0 {
			delete(changed, claim)
		}
	}
	if changed != nil {
		n.pvcs = changed
	}
}
