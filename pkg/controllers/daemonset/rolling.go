package daemonset

import (
	"time"

	v1 "k8s.io/api/core/v1"

	"github.com/proa-sh/proa/pkg/pods"
)

// roll replaces pods of older revisions. It is asked when each node has what it needs otherwise.
func (o observed) roll(byNode map[string][]*v1.Pod) outcome {
	desired := 0
	for _, node := range o.nodes {
		if should, _ := meant(o.set, node); should {
			desired++
		}
	}
	surge, missing := limits(o.set, desired)
	if surge > 0 {
		return outcome{create: o.rollSurging(byNode, surge), after: o.nextAvailable()}
	}
	return outcome{remove: o.rollMissing(byNode, missing), after: o.nextAvailable()}
}

// rollMissing deletes old pods as long as no more than missing nodes are without an available one. Old pods that are not
// available go first, and cost nothing.
func (o observed) rollMissing(byNode map[string][]*v1.Pod, missing int) []*v1.Pod {
	var removed []*v1.Pod
	var candidates []*v1.Pod
	unavailable := 0
	for _, node := range o.nodes {
		should, _ := meant(o.set, node)
		if !should {
			continue
		}
		var old, fresh *v1.Pod
		for _, pod := range byNode[node.Name] {
			switch {
			case pod.DeletionTimestamp != nil:
			case o.current(pod):
				fresh = pod
			default:
				old = pod
			}
		}
		switch {
		case fresh != nil:
			if !o.available(fresh) {
				unavailable++
			}
		case old == nil:
			unavailable++ // its pod ends
		case !o.available(old):
			unavailable++
			removed = append(removed, old)
		default:
			candidates = append(candidates, old)
		}
	}
	return append(removed, candidates[:min(max(missing-unavailable, 0), len(candidates))]...)
}

// rollSurging makes new pods beside old ones, on no more than surge nodes at once. Nodes whose old pod is not available
// get their new one at once. The old pod goes when the new one is available (see surplus).
func (o observed) rollSurging(byNode map[string][]*v1.Pod, surge int) []string {
	var created []string
	var candidates []string
	surging := 0
	for _, node := range o.nodes {
		should, _ := meant(o.set, node)
		if !should {
			continue
		}
		var old, fresh *v1.Pod
		for _, pod := range byNode[node.Name] {
			switch {
			case pod.DeletionTimestamp != nil:
			case o.current(pod):
				fresh = pod
			default:
				old = pod
			}
		}
		switch {
		case old == nil:
		case fresh != nil:
			surging++
		case !o.available(old):
			created = append(created, node.Name)
			surging++
		default:
			candidates = append(candidates, node.Name)
		}
	}
	return append(created, candidates[:min(max(surge-surging, 0), len(candidates))]...)
}

// nextAvailable is when the next pod becomes available by the passing of time; 0 means never.
func (o observed) nextAvailable() (after time.Duration) {
	for _, pod := range o.pods {
		left, ready := pods.AvailableIn(pod, minReady(o.set), o.now)
		if ready && left > 0 && (after == 0 || left < after) {
			after = left
		}
	}
	return after
}
