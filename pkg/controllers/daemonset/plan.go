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

// action is one thing to do: createPod or deletePod.
type action interface{ isAction() }

// createPod creates a pod for a node.
type createPod struct{ node string }

// deletePod deletes a pod. failed and succeeded say that it had ended, which is an event.
type deletePod struct {
	pod               *v1.Pod
	failed, succeeded bool
}

func (createPod) isAction() {}
func (deletePod) isAction() {}

// plan decides what each node needs. after is when time alone asks for the next look; 0 means never.
func plan(o observed) (actions []action, after time.Duration) {
	if o.set.DeletionTimestamp != nil {
		return nil, 0
	}
	byNode := podsByNode(o.pods)
	known := map[string]bool{}
	sooner := func(d time.Duration) {
		if d > 0 && (after == 0 || d < after) {
			after = d
		}
	}
	for _, node := range o.nodes {
		known[node.Name] = true
		needed, wait := o.manage(node, byNode[node.Name])
		actions = append(actions, needed...)
		sooner(wait)
	}
	// Pods for nodes that have gone will never be placed. Those that run there are another controller's care.
	for name, stray := range byNode {
		for _, pod := range stray {
			if !known[name] && pod.Spec.NodeName == "" && pod.DeletionTimestamp == nil {
				actions = append(actions, deletePod{pod: pod})
			}
		}
	}
	if len(actions) == 0 && o.set.Spec.UpdateStrategy.Type != apps.OnDeleteDaemonSetStrategyType {
		rolling, wait := o.roll(byNode)
		actions = append(actions, rolling...)
		sooner(wait)
	}
	slices.SortStableFunc(actions, func(a, b action) int { return strings.Compare(nameOf(a), nameOf(b)) })
	return bounded(actions), after
}

// nameOf orders actions, so that a plan is the same for the same observation.
func nameOf(a action) string {
	switch a := a.(type) {
	case createPod:
		return "create " + a.node
	case deletePod:
		return "delete " + a.pod.Name
	default:
		return ""
	}
}

// bounded cuts creations and deletions, each to the burst.
func bounded(actions []action) []action {
	creations, deletions := 0, 0
	return slices.DeleteFunc(actions, func(a action) bool {
		if _, creating := a.(createPod); creating {
			creations++
			return creations > burst
		}
		deletions++
		return deletions > burst
	})
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
func (o observed) manage(node *v1.Node, here []*v1.Pod) (actions []action, wait time.Duration) {
	should, may := meant(o.set, node)
	if !may {
		for _, pod := range here {
			if pod.DeletionTimestamp == nil {
				actions = append(actions, deletePod{pod: pod})
			}
		}
		return actions, 0
	}
	var running []*v1.Pod
	ending := false
	for _, pod := range here {
		switch {
		case pod.DeletionTimestamp != nil:
			ending = true
		case pod.Status.Phase == v1.PodFailed:
			if o.mayReplace != nil {
				if wait = o.mayReplace(node.Name); wait > 0 {
					return nil, wait
				}
			}
			actions = append(actions, deletePod{pod: pod, failed: true})
		case pod.Status.Phase == v1.PodSucceeded:
			actions = append(actions, deletePod{pod: pod, succeeded: true})
		default:
			running = append(running, pod)
		}
	}
	switch {
	case !should:
		return actions, 0
	case len(here) == 0:
		return append(actions, createPod{node.Name}), 0
	case len(running) == 0 && !ending && len(actions) == 0:
		return append(actions, createPod{node.Name}), 0
	}
	return append(actions, o.surplus(running)...), 0
}

// surplus are the pods that a node has too many: all but one, or, while an update may have one more, but the oldest of
// each template as long as the new one is not available.
func (o observed) surplus(running []*v1.Pod) []action {
	if len(running) <= 1 {
		return nil
	}
	var actions []action
	surge, _ := limits(o.set, len(o.nodes))
	if surge == 0 {
		for _, pod := range running[1:] {
			actions = append(actions, deletePod{pod: pod})
		}
		return actions
	}
	var kept [2]*v1.Pod // old, new
	for _, pod := range running {
		at := 0
		if o.current(pod) {
			at = 1
		}
		if kept[at] == nil {
			kept[at] = pod
		} else {
			actions = append(actions, deletePod{pod: pod})
		}
	}
	if kept[0] != nil && kept[1] != nil && o.available(kept[1]) {
		actions = append(actions, deletePod{pod: kept[0]})
	}
	return actions
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
