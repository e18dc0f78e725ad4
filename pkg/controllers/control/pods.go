package control

import (
	"cmp"
	"maps"
	"math/bits"
	"slices"
	"strconv"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/proa-sh/proa/pkg/pods"
)

// PodFromTemplate makes a pod that is controlled by owner. Its name will be generated from the owner's.
func PodFromTemplate(template *v1.PodTemplateSpec, owner metav1.Object, kind schema.GroupVersionKind) *v1.Pod {
	prefix := owner.GetName() + "-"
	if len(validation.IsDNS1123Subdomain(prefix+"a")) > 0 {
		prefix = owner.GetName()
	}
	return &v1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace:       owner.GetNamespace(),
			GenerateName:    prefix,
			Labels:          maps.Clone(template.Labels),
			Annotations:     maps.Clone(template.Annotations),
			Finalizers:      slices.Clone(template.Finalizers),
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(owner, kind)},
		},
		Spec: *template.Spec.DeepCopy(),
	}
}

// PodCost is what the order of giving up pods knows about a pod beside the pod itself.
type PodCost struct {
	Pod *v1.Pod
	// Neighbours is how many pods of the same purpose run on the pod's node.
	Neighbours int
}

// SortForDeletion orders pods so that those which are missed least come first, by the documented rules of ReplicaSet:
// not assigned before assigned, pending before running, not ready before ready, lower deletion cost (KEP-2255) first,
// more neighbours first, ready for a shorter time first (by powers of two, KEP-2185), more restarts first, newer first.
func SortForDeletion(all []PodCost, now time.Time) {
	slices.SortStableFunc(all, func(a, b PodCost) int {
		return cmp.Or(
			order(a.Pod.Spec.NodeName != "", b.Pod.Spec.NodeName != ""),
			cmp.Compare(phaseRank(a.Pod), phaseRank(b.Pod)),
			order(pods.IsReady(a.Pod), pods.IsReady(b.Pod)),
			cmp.Compare(deletionCost(a.Pod), deletionCost(b.Pod)),
			cmp.Compare(b.Neighbours, a.Neighbours),
			younger(readySince(a.Pod), readySince(b.Pod), now),
			cmp.Compare(restarts(b.Pod), restarts(a.Pod)),
			younger(a.Pod.CreationTimestamp, b.Pod.CreationTimestamp, now),
			cmp.Compare(a.Pod.UID, b.Pod.UID),
		)
	})
}

// order puts false before true.
func order(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	default:
		return 1
	}
}

func phaseRank(pod *v1.Pod) int {
	switch pod.Status.Phase {
	case v1.PodRunning:
		return 2
	case v1.PodUnknown:
		return 1
	default:
		return 0
	}
}

// deletionCost reads the annotation; a malformed one counts as 0, as validation refuses it.
func deletionCost(pod *v1.Pod) int32 {
	n, err := strconv.ParseInt(pod.Annotations[v1.PodDeletionCost], 10, 32)
	if err != nil {
		return 0
	}
	return int32(n)
}

func readySince(pod *v1.Pod) metav1.Time {
	if !pods.IsReady(pod) {
		return metav1.Time{}
	}
	return pods.Condition(pod, v1.PodReady).LastTransitionTime
}

// younger puts the later time first, where ages of the same power of two (in nanoseconds) are equal. No time comes
// first.
func younger(a, b metav1.Time, now time.Time) int {
	if a.IsZero() || b.IsZero() {
		return order(!a.IsZero(), !b.IsZero())
	}
	return cmp.Compare(magnitude(now.Sub(a.Time)), magnitude(now.Sub(b.Time)))
}

func magnitude(age time.Duration) int {
	return bits.Len64(uint64(max(age, 0)))
}

func restarts(pod *v1.Pod) int32 {
	most := int32(0)
	for i := range pod.Status.ContainerStatuses {
		most = max(most, pod.Status.ContainerStatuses[i].RestartCount)
	}
	for i := range pod.Status.InitContainerStatuses {
		most = max(most, pod.Status.InitContainerStatuses[i].RestartCount)
	}
	return most
}
