package daemonset

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"

	apps "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/proa-sh/proa/pkg/controllers/control"
	"github.com/proa-sh/proa/pkg/controllers/control/revisions"
	"github.com/proa-sh/proa/pkg/pods"
)

// burst is how many pods one reconciliation creates or deletes at most; the next one goes on.
const burst = 250

// observed is what a plan is made from. Nothing in it is modified.
type observed struct {
	set   *apps.DaemonSet
	nodes []*v1.Node
	// pods are all that the set owns.
	pods []*v1.Pod
	// hash is that of the newest revision.
	hash string
	// mayReplace says whether enough time has passed since failed pods of a node were replaced before; otherwise it
	// returns how long to wait. nil means always.
	mayReplace func(node string) time.Duration
	now        time.Time
}

// outcome is what a plan asks for: nodes to create a pod for, and pods to delete.
type outcome struct {
	create []string
	remove []*v1.Pod
	after  time.Duration // when time alone asks for the next look; 0 means never
}

// add takes over what another outcome asks for.
func (out *outcome) add(other outcome) {
	out.create, out.remove = append(out.create, other.create...), append(out.remove, other.remove...)
	out.after = control.Sooner(out.after, other.after)
}

// plan decides what each node needs.
func plan(o observed) outcome {
	var out outcome
	if o.set.DeletionTimestamp != nil {
		return out
	}
	byNode := podsByNode(o.pods)
	known := map[string]bool{}
	for _, node := range o.nodes {
		known[node.Name] = true
		out.add(o.manage(node, byNode[node.Name]))
	}
	// Pods for nodes that have gone will never be placed. Those that run there are another controller's care.
	for name, here := range byNode {
		for _, pod := range here {
			if !known[name] && pod.Spec.NodeName == "" && pod.DeletionTimestamp == nil {
				out.remove = append(out.remove, pod)
			}
		}
	}
	if len(out.create)+len(out.remove) == 0 && o.set.Spec.UpdateStrategy.Type != apps.OnDeleteDaemonSetStrategyType {
		out.add(o.roll(byNode))
	}
	// A plan is the same for the same observation.
	slices.Sort(out.create)
	slices.SortFunc(out.remove, func(a, b *v1.Pod) int { return strings.Compare(a.Name, b.Name) })
	out.create, out.remove = out.create[:min(len(out.create), burst)], out.remove[:min(len(out.remove), burst)]
	return out
}

// podsByNode sorts pods by the node that they are on or made for; of one node, the best comes first.
func podsByNode(all []*v1.Pod) map[string][]*v1.Pod {
	byNode := map[string][]*v1.Pod{}
	for _, pod := range all {
		name := nodeOf(pod)
		byNode[name] = append(byNode[name], pod)
	}
	for _, some := range byNode {
		slices.SortFunc(some, func(a, b *v1.Pod) int {
			return cmp.Or(placed(a)-placed(b), readiness(a)-readiness(b), a.CreationTimestamp.Time.Compare(b.CreationTimestamp.Time), strings.Compare(a.Name, b.Name))
		})
	}
	return byNode
}

func placed(pod *v1.Pod) int {
	if pod.Spec.NodeName != "" {
		return 0
	}
	return 1
}

func readiness(pod *v1.Pod) int {
	if pods.IsReady(pod) {
		return 0
	}
	return 1
}

// manage decides about one node and its pods.
func (o observed) manage(node *v1.Node, here []*v1.Pod) (out outcome) {
	should, may := meant(o.set, node)
	if !may {
		for _, pod := range here {
			if pod.DeletionTimestamp == nil {
				out.remove = append(out.remove, pod)
			}
		}
		return out
	}
	var running []*v1.Pod
	ending := false
	for _, pod := range here {
		switch {
		case pod.DeletionTimestamp != nil:
			ending = true
		case pod.Status.Phase == v1.PodFailed:
			if o.mayReplace != nil {
				if wait := o.mayReplace(node.Name); wait > 0 {
					return outcome{after: wait}
				}
			}
			out.remove = append(out.remove, pod)
		case pod.Status.Phase == v1.PodSucceeded:
			out.remove = append(out.remove, pod)
		default:
			running = append(running, pod)
		}
	}
	switch {
	case !should:
	case len(running) == 0 && !ending && len(out.remove) == 0:
		out.create = append(out.create, node.Name)
	default:
		out.remove = append(out.remove, o.surplus(running)...)
	}
	return out
}

// surplus are the pods that a node has too many: all but one, or, while an update may have one more, but the oldest of
// each template as long as the new one is not available.
func (o observed) surplus(running []*v1.Pod) []*v1.Pod {
	if len(running) <= 1 {
		return nil
	}
	surge, _ := limits(o.set, len(o.nodes))
	if surge == 0 {
		return running[1:]
	}
	var surplus []*v1.Pod
	var kept [2]*v1.Pod // old, new
	for _, pod := range running {
		at := 0
		if o.current(pod) {
			at = 1
		}
		if kept[at] == nil {
			kept[at] = pod
		} else {
			surplus = append(surplus, pod)
		}
	}
	if kept[0] != nil && kept[1] != nil && o.available(kept[1]) {
		surplus = append(surplus, kept[0])
	}
	return surplus
}

// current says whether a pod was made from the newest revision.
func (o observed) current(pod *v1.Pod) bool { return pod.Labels[revisions.HashLabel] == o.hash }

// available says whether a pod has been ready long enough.
func (o observed) available(pod *v1.Pod) bool {
	left, ready := pods.AvailableIn(pod, minReady(o.set), o.now)
	return ready && left == 0
}

func minReady(set *apps.DaemonSet) time.Duration {
	return time.Duration(set.Spec.MinReadySeconds) * time.Second
}

// limits are how many nodes may have one pod more, and how many none that is available, while an update goes on.
func limits(set *apps.DaemonSet, desired int) (surge, missing int) {
	rolling := set.Spec.UpdateStrategy.RollingUpdate
	if set.Spec.UpdateStrategy.Type == apps.OnDeleteDaemonSetStrategyType {
		return 0, 0
	}
	if rolling == nil {
		return 0, 1
	}
	surge, missing = scaled(rolling.MaxSurge, desired, 0), scaled(rolling.MaxUnavailable, desired, 1)
	if surge == 0 && missing == 0 {
		missing = 1
	}
	return surge, missing
}

func scaled(value *intstr.IntOrString, of, otherwise int) int {
	if value == nil {
		return otherwise
	}
	n, err := intstr.GetScaledValueFromIntOrPercent(value, of, true)
	if err != nil {
		return otherwise // malformed, which validation refuses
	}
	return min(max(n, 0), math.MaxInt32)
}

// status is what the set's status should be. after is when a pod becomes available by the passing of time; 0 means never.
func (o observed) status(collisions *int32) (now apps.DaemonSetStatus, after time.Duration) {
	now = apps.DaemonSetStatus{ObservedGeneration: o.set.Generation, CollisionCount: collisions, Conditions: o.set.Status.Conditions}
	byNode := podsByNode(o.pods)
	for _, node := range o.nodes {
		should, _ := meant(o.set, node)
		here := slices.DeleteFunc(slices.Clone(byNode[node.Name]), func(pod *v1.Pod) bool { return pod.DeletionTimestamp != nil })
		if !should {
			if len(here) > 0 {
				now.NumberMisscheduled++
			}
			continue
		}
		now.DesiredNumberScheduled++
		if len(byNode[node.Name]) == 0 {
			continue
		}
		now.CurrentNumberScheduled++
		if len(here) == 0 {
			continue
		}
		best := here[0]
		if slices.ContainsFunc(here, o.current) {
			now.UpdatedNumberScheduled++
		}
		left, ready := pods.AvailableIn(best, minReady(o.set), o.now)
		if ready {
			now.NumberReady++
		}
		if ready && left == 0 {
			now.NumberAvailable++
		}
		if left > 0 && (after == 0 || left < after) {
			after = left
		}
	}
	now.NumberUnavailable = now.DesiredNumberScheduled - now.NumberAvailable
	return now, after
}
