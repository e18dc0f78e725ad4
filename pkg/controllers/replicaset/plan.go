package replicaset

import (
	"time"

	apps "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/proa-sh/proa/pkg/controllers/control"
	"github.com/proa-sh/proa/pkg/pods"
)

// burst is how many pods one reconciliation creates or deletes at most; the next one goes on.
const burst = 500

// observed is what a plan is made from. Nothing in it is modified.
type observed struct {
	set *apps.ReplicaSet
	// pods are all that the set owns, terminal and ending ones too.
	pods []*v1.Pod
	// neighbours is, by node name, how many active pods of the same purpose (of all sets of one deployment) run there.
	neighbours map[string]int
	// countEnding says whether the status has a number of terminating pods.
	countEnding bool
	now         time.Time
}

// outcome is what a plan asks for: a number of pods to create from the set's template, or pods to delete.
type outcome struct {
	create int
	remove []*v1.Pod
}

// plan decides how to come nearer to the wanted number of pods.
func plan(o observed) outcome {
	if o.set.DeletionTimestamp != nil {
		return outcome{}
	}
	var active []control.PodCost
	for _, pod := range o.pods {
		if pods.IsActive(pod) {
			active = append(active, control.PodCost{Pod: pod, Neighbours: o.neighbours[pod.Spec.NodeName]})
		}
	}
	surplus := len(active) - int(replicas(o.set))
	if surplus <= 0 {
		return outcome{create: min(-surplus, burst)}
	}
	control.SortForDeletion(active, o.now)
	var out outcome
	for _, one := range active[:min(surplus, burst)] {
		out.remove = append(out.remove, one.Pod)
	}
	return out
}

// replicas is the wanted number; a set that was stored without it wants one.
func replicas(set *apps.ReplicaSet) int32 {
	if set.Spec.Replicas == nil {
		return 1
	}
	return *set.Spec.Replicas
}

// status is what the set's status should be, given what doing the outcome ended with. after is when it changes by the
// passing of time alone (a pod becomes available); 0 means never.
func status(o observed, out outcome, failure error) (now apps.ReplicaSetStatus, after time.Duration) {
	now = *o.set.Status.DeepCopy()
	now.ObservedGeneration = o.set.Generation
	now.Replicas, now.FullyLabeledReplicas, now.ReadyReplicas, now.AvailableReplicas = 0, 0, 0, 0
	minReady := time.Duration(o.set.Spec.MinReadySeconds) * time.Second
	template := labels.SelectorFromValidatedSet(o.set.Spec.Template.Labels)
	terminating := int32(0)
	for _, pod := range o.pods {
		if pod.DeletionTimestamp != nil && !pods.IsTerminal(pod) {
			terminating++
		}
		if !pods.IsActive(pod) {
			continue
		}
		now.Replicas++
		if template.Matches(labels.Set(pod.Labels)) {
			now.FullyLabeledReplicas++
		}
		left, ready := pods.AvailableIn(pod, minReady, o.now)
		if ready {
			now.ReadyReplicas++
		}
		if ready && left == 0 {
			now.AvailableReplicas++
		}
		if left > 0 && (after == 0 || left < after) {
			after = left
		}
	}
	if o.countEnding {
		now.TerminatingReplicas = &terminating
	}
	now.Conditions = conditions(o, out, failure)
	return now, after
}

// conditions keeps ReplicaFailure true as long as creating or deleting fails. It keeps the first message, for each attempt has
// another (it names the pod that was refused, and how much of a quota is used): a status that changes with each would wake the
// set again at once, and no pause would grow between attempts.
func conditions(o observed, out outcome, failure error) []apps.ReplicaSetCondition {
	var all []apps.ReplicaSetCondition
	failed := apps.ReplicaSetCondition{
		Type: apps.ReplicaSetReplicaFailure, Status: v1.ConditionTrue, LastTransitionTime: metav1.NewTime(o.now), Reason: "FailedCreate",
	}
	if len(out.remove) > 0 {
		failed.Reason = "FailedDelete"
	}
	if failure != nil {
		failed.Message = failure.Error()
	}
	for _, c := range o.set.Status.Conditions {
		switch {
		case c.Type != apps.ReplicaSetReplicaFailure:
			all = append(all, c)
		case c.Status == failed.Status && c.Reason == failed.Reason:
			failed = c
		}
	}
	if failure == nil {
		return all
	}
	return append(all, failed)
}
