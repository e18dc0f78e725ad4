package statefulset

import (
	"cmp"
	"slices"
	"time"

	apps "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"

	"github.com/proa-sh/proa/pkg/controllers/control"
	"github.com/proa-sh/proa/pkg/controllers/control/revisions"
	"github.com/proa-sh/proa/pkg/pods"
)

// burst is how many pods one reconciliation creates at most; the next one goes on.
const burst = 500

// observed is what a plan is made from. Nothing in it is modified.
type observed struct {
	set *apps.StatefulSet
	// pods are all that the set owns.
	pods []*v1.Pod
	// current and update are the names of the revisions that pods have and get.
	current, update string
	now             time.Time
}

// outcome is what a plan asks for.
type outcome struct {
	create []newPod
	mend   []misnamed
	// remove are pods that have ended or are of another revision, condemned those that are not wanted any more.
	remove, condemned []*v1.Pod
	after             time.Duration // when time alone asks for the next look; 0 means never
}

// newPod is a pod to create: its number, and the revision that it is made from.
type newPod struct {
	ordinal  int
	revision string
}

// misnamed is a pod that gets back the labels of its number.
type misnamed struct {
	pod     *v1.Pod
	ordinal int
}

// plan decides the next steps.
func plan(o observed) outcome {
	if o.set.DeletionTimestamp != nil {
		return outcome{}
	}
	kept, condemned := o.sort()
	out, done := o.fill(kept)
	if !done {
		return out
	}
	if out.condemned, done = o.shrink(kept, condemned); done && o.set.Spec.UpdateStrategy.Type != apps.OnDeleteStatefulSetStrategyType {
		out.remove = append(out.remove, o.replace(kept)...)
	}
	return out
}

// sort puts the pods with numbers that the set has into their places (nil where there is none), and those beyond into
// a list, highest number first. The wanted number is the user's and has no bound: places are made for the first numbers
// only, of which at least as many are free as one reconciliation fills.
func (o observed) sort() (kept, condemned []*v1.Pod) {
	kept = make([]*v1.Pod, min(end(o.set)-first(o.set), len(o.pods)+burst))
	for _, pod := range o.pods {
		ordinal, ok := ordinalOf(o.set, pod)
		switch {
		case !ok:
		case o.wants(ordinal):
			if i := ordinal - first(o.set); i < len(kept) {
				kept[i] = pod
			}
		default:
			condemned = append(condemned, pod)
		}
	}
	slices.SortFunc(condemned, func(a, b *v1.Pod) int {
		x, _ := ordinalOf(o.set, a)
		y, _ := ordinalOf(o.set, b)
		return cmp.Compare(y, x)
	})
	return kept, condemned
}

// wants says whether the set has a pod with this number.
func (o observed) wants(ordinal int) bool { return ordinal >= first(o.set) && ordinal < end(o.set) }

// ordered says whether each pod waits for the one before.
func (o observed) ordered() bool {
	return o.set.Spec.PodManagementPolicy != apps.ParallelPodManagement
}

// fill sees to it that each number has a pod. done is false when a pod must be waited for before anything else.
func (o observed) fill(kept []*v1.Pod) (out outcome, done bool) {
	for i, pod := range kept {
		ordinal := first(o.set) + i
		switch {
		case pod == nil && len(out.create) >= burst:
			return out, false
		case pod == nil:
			out.create = append(out.create, newPod{ordinal, o.revisionFor(ordinal)})
		case pod.DeletionTimestamp != nil:
		case pods.IsTerminal(pod):
			out.remove = append(out.remove, pod)
		case !identified(pod, ordinal):
			out.mend = append(out.mend, misnamed{pod, ordinal})
			continue
		default:
			left, ok := o.healthyIn(pod)
			out.after = control.Sooner(out.after, left)
			if ok && left == 0 {
				continue
			}
		}
		// The pod is not as it should be: with order, nothing happens to others before it is.
		if o.ordered() {
			return out, false
		}
	}
	return out, true
}

// revisionFor is the revision that a new pod is made from: numbers below the partition stay at the current one.
func (o observed) revisionFor(ordinal int) string {
	if ordinal < first(o.set)+o.partition() {
		return o.current
	}
	return o.update
}

func (o observed) partition() int {
	strategy := o.set.Spec.UpdateStrategy
	if strategy.Type == apps.OnDeleteStatefulSetStrategyType || strategy.RollingUpdate == nil || strategy.RollingUpdate.Partition == nil {
		return 0
	}
	return int(*strategy.RollingUpdate.Partition)
}

// healthyIn is when a pod that runs and is ready will be available; ok is false when it is not ready.
func (o observed) healthyIn(pod *v1.Pod) (left time.Duration, ok bool) {
	if pod.Status.Phase != v1.PodRunning {
		return 0, false
	}
	return pods.AvailableIn(pod, time.Duration(o.set.Spec.MinReadySeconds)*time.Second, o.now)
}

func (o observed) healthy(pod *v1.Pod) bool {
	if pod == nil || pod.DeletionTimestamp != nil {
		return false
	}
	left, ok := o.healthyIn(pod)
	return ok && left == 0
}

// shrink deletes pods beyond the wanted number: with order the last one, when all others are well or it is itself the
// one that is not. done is false when one must be waited for.
func (o observed) shrink(kept, condemned []*v1.Pod) (removed []*v1.Pod, done bool) {
	if !o.ordered() {
		return slices.DeleteFunc(slices.Clone(condemned), func(pod *v1.Pod) bool { return pod.DeletionTimestamp != nil }), true
	}
	if len(condemned) == 0 {
		return nil, true
	}
	last := condemned[0]
	if last.DeletionTimestamp != nil {
		return nil, false
	}
	// The first sick pod among all, lowest number first, may go; another sick one may not before it. A pod that has ended
	// is not sick: it never gets well, and nobody waits for it.
	sick := func(pod *v1.Pod) bool { return !o.healthy(pod) && !(pod != nil && pods.IsTerminal(pod)) }
	if sick(last) && !slices.ContainsFunc(kept, func(pod *v1.Pod) bool { return !o.healthy(pod) }) {
		for _, pod := range slices.Backward(condemned) {
			if sick(pod) {
				if pod != last {
					return nil, false
				}
				break
			}
		}
	}
	return []*v1.Pod{last}, false
}

// replace picks the last pod that is not of the newest revision, when those after it are well.
func (o observed) replace(kept []*v1.Pod) []*v1.Pod {
	if len(kept) < end(o.set)-first(o.set) {
		return nil // the last ones are still to be made
	}
	for i := len(kept) - 1; i >= max(o.partition(), 0) && i < len(kept); i-- {
		pod := kept[i]
		if pod == nil {
			return nil
		}
		if pod.Labels[revisions.HashLabel] != o.update && pod.DeletionTimestamp == nil {
			return []*v1.Pod{pod}
		}
		if !o.healthy(pod) {
			return nil
		}
	}
	return nil
}

// status is what the set's status should be. after is when a pod becomes available by the passing of time; 0 means never.
func (o observed) status(collisions *int32) (now apps.StatefulSetStatus, after time.Duration) {
	now = apps.StatefulSetStatus{
		ObservedGeneration: o.set.Generation, CollisionCount: collisions, Conditions: o.set.Status.Conditions,
		CurrentRevision: o.current, UpdateRevision: o.update,
	}
	for _, pod := range o.pods {
		now.Replicas++
		left, ready := o.healthyIn(pod)
		if ready {
			now.ReadyReplicas++
		}
		if ready && left == 0 {
			now.AvailableReplicas++
		}
		after = control.Sooner(after, left)
		if pod.DeletionTimestamp != nil {
			continue
		}
		if pod.Labels[revisions.HashLabel] == o.current {
			now.CurrentReplicas++
		}
		if pod.Labels[revisions.HashLabel] == o.update {
			now.UpdatedReplicas++
		}
	}
	n := wanted(o.set)
	if o.set.Spec.UpdateStrategy.Type != apps.OnDeleteStatefulSetStrategyType && now.UpdatedReplicas == n && now.ReadyReplicas == n && now.Replicas == n {
		now.CurrentRevision, now.CurrentReplicas = o.update, now.UpdatedReplicas // the update is complete
	}
	return now, after
}
