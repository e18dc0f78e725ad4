package statefulset

import (
	"slices"

	apps "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// claimOwners are the owners that a claim should have under the set's retention policy (KEP-1847): the set when claims go
// with it, the pod when claims go with pods that are scaled away. Owners that others gave stay. pod is nil when there is
// none. changed says whether they differ from what the claim has.
func claimOwners(set *apps.StatefulSet, claim *v1.PersistentVolumeClaim, pod *v1.Pod, condemned bool) (owners []metav1.OwnerReference, changed bool) {
	bySet, byPod := false, false
	if policy := set.Spec.PersistentVolumeClaimRetentionPolicy; policy != nil {
		bySet = policy.WhenDeleted == apps.DeletePersistentVolumeClaimRetentionPolicyType
		byPod = policy.WhenScaled == apps.DeletePersistentVolumeClaimRetentionPolicyType && condemned && pod != nil
	}
	podKind := v1.SchemeGroupVersion.WithKind("Pod")
	for _, ref := range claim.OwnerReferences {
		ours := (ref.Kind == kind().Kind && ref.Name == set.Name) || (ref.Kind == podKind.Kind && pod != nil && ref.Name == pod.Name)
		if !ours {
			owners = append(owners, ref)
		}
	}
	own := func(object metav1.Object, kind schema.GroupVersionKind) {
		owners = append(owners, metav1.OwnerReference{APIVersion: kind.GroupVersion().String(), Kind: kind.Kind, Name: object.GetName(), UID: object.GetUID()})
	}
	switch {
	case byPod:
		own(pod, podKind) // the pod alone, so that the claim goes with it though the set stays
	case bySet:
		own(set, kind())
	}
	same := slices.EqualFunc(owners, claim.OwnerReferences, func(a, b metav1.OwnerReference) bool { return a.UID == b.UID && a.Kind == b.Kind })
	return owners, !same
}
