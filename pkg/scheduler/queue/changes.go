package queue

import (
	"maps"
	"slices"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/kube-scheduler/framework"

	"github.com/proa-sh/proa/pkg/scheduler/cache"
)

// PodChanges are the events that a change of a pod amounts to.
func PodChanges(old, pod *v1.Pod) []framework.ClusterEvent {
	var events []framework.ClusterEvent
	happened := func(yes bool, action framework.ActionType) {
		if yes {
			events = append(events, framework.ClusterEvent{Resource: framework.Pod, ActionType: action})
		}
	}
	happened(!maps.Equal(old.Labels, pod.Labels), framework.UpdatePodLabel)
	happened(requestsLess(old, pod), framework.UpdatePodScaleDown)
	happened(len(old.Spec.SchedulingGates) > 0 && len(pod.Spec.SchedulingGates) == 0, framework.UpdatePodSchedulingGatesEliminated)
	happened(!equality.Semantic.DeepEqual(old.Spec.Tolerations, pod.Spec.Tolerations), framework.UpdatePodToleration)
	happened(!equality.Semantic.DeepEqual(old.Status.ResourceClaimStatuses, pod.Status.ResourceClaimStatuses), framework.UpdatePodGeneratedResourceClaim)
	return events
}

// requestsLess tells whether the newer pod requests less of anything.
func requestsLess(old, pod *v1.Pod) bool {
	if old.Generation == pod.Generation && old.Generation != 0 && equality.Semantic.DeepEqual(old.Status.ContainerStatuses, pod.Status.ContainerStatuses) {
		return false
	}
	before, after := cache.Requests(old), cache.Requests(pod)
	for name, amount := range before {
		if now := after[name]; now.Cmp(amount) < 0 {
			return true
		}
	}
	return false
}

// NodeChanges are the events that a change of a node amounts to.
func NodeChanges(old, node *v1.Node) []framework.ClusterEvent {
	var events []framework.ClusterEvent
	happened := func(yes bool, action framework.ActionType) {
		if yes {
			events = append(events, framework.ClusterEvent{Resource: framework.Node, ActionType: action})
		}
	}
	happened(!equality.Semantic.DeepEqual(old.Status.Allocatable, node.Status.Allocatable), framework.UpdateNodeAllocatable)
	happened(!maps.Equal(old.Labels, node.Labels), framework.UpdateNodeLabel)
	happened(old.Spec.Unschedulable != node.Spec.Unschedulable || !equality.Semantic.DeepEqual(old.Spec.Taints, node.Spec.Taints), framework.UpdateNodeTaint)
	happened(!sameConditions(old.Status.Conditions, node.Status.Conditions), framework.UpdateNodeCondition)
	happened(!maps.Equal(old.Annotations, node.Annotations), framework.UpdateNodeAnnotation)
	happened(!slices.Equal(old.Status.DeclaredFeatures, node.Status.DeclaredFeatures), framework.UpdateNodeDeclaredFeature)
	return events
}

// sameConditions compares types and statuses: heartbeats and messages help no pod.
func sameConditions(a, b []v1.NodeCondition) bool {
	return slices.EqualFunc(a, b, func(x, y v1.NodeCondition) bool { return x.Type == y.Type && x.Status == y.Status })
}
