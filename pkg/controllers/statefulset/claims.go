package statefulset

import (
	"slices"
	"strconv"
	"strings"

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
	own := func(object metav1.Object, of schema.GroupVersionKind) {
		owners = append(owners, metav1.OwnerReference{APIVersion: of.GroupVersion().String(), Kind: of.Kind, Name: object.GetName(), UID: object.GetUID()})
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

// leaving says whether a claim is going away: by itself, or with the pod or the set that had this name before.
func leaving(claim *v1.PersistentVolumeClaim, set *apps.StatefulSet, pod *v1.Pod) bool {
	return claim.DeletionTimestamp != nil || slices.ContainsFunc(claim.OwnerReferences, func(ref metav1.OwnerReference) bool {
		return ref.Kind == "Pod" && ref.Name == pod.Name && ref.UID != pod.UID ||
			ref.Kind == kind().Kind && ref.Name == set.Name && ref.UID != set.UID
	})
}

// hasClaim says whether a claim has a name that the set gives to claims.
func hasClaim(set *apps.StatefulSet, name string) bool {
	return slices.ContainsFunc(set.Spec.VolumeClaimTemplates, func(template v1.PersistentVolumeClaim) bool {
		ordinal, ok := strings.CutPrefix(name, template.Name+"-"+set.Name+"-")
		_, err := strconv.Atoi(ordinal)
		return ok && err == nil
	})
}
