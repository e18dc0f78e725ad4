package quota

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	quota "k8s.io/apiserver/pkg/quota/v1"
	"k8s.io/apiserver/pkg/quota/v1/generic"
	"k8s.io/component-helpers/storage/volume"
)

const (
	countClaims corev1.ResourceName = "count/persistentvolumeclaims"
	// ofClass stands between a storage class and what of it is limited: gold.storageclass.storage.k8s.io/requests.storage.
	ofClass = ".storageclass.storage.k8s.io/"
)

func claims(list quota.ListerForResourceFunc) quota.Evaluator {
	return &evaluator{
		resource: corev1.Resource("persistentvolumeclaims"),
		handles:  written,
		names: among([]corev1.ResourceName{countClaims, corev1.ResourcePersistentVolumeClaims, corev1.ResourceRequestsStorage}, func(n corev1.ResourceName) bool {
			return strings.HasSuffix(string(n), ofClass+string(corev1.ResourceRequestsStorage)) || strings.HasSuffix(string(n), ofClass+string(corev1.ResourcePersistentVolumeClaims))
		}),
		usage: claimUsage,
		list:  generic.ListResourceUsingListerFunc(list, corev1.SchemeGroupVersion.WithResource("persistentvolumeclaims")),
		scope: claimScope,
	}
}

// claimUsage counts a claim and its storage, in all and of its class.
func claimUsage(o runtime.Object) (corev1.ResourceList, error) {
	c, ok := o.(*corev1.PersistentVolumeClaim)
	if !ok {
		return nil, fmt.Errorf("evaluate quota of a claim: got a %T", o)
	}
	out := corev1.ResourceList{countClaims: one(), corev1.ResourcePersistentVolumeClaims: one()}
	class := volume.GetPersistentVolumeClaimClass(c)
	if class != "" {
		out[corev1.ResourceName(class+ofClass)+corev1.ResourcePersistentVolumeClaims] = one()
	}
	storage, ok := c.Spec.Resources.Requests[corev1.ResourceStorage]
	// A claim that asked for more and then for less has what it got meanwhile (KEP-1790).
	if got, has := c.Status.AllocatedResources[corev1.ResourceStorage]; has && got.Cmp(storage) > 0 {
		storage, ok = got, true
	}
	if !ok {
		return out, nil
	}
	storage = storage.DeepCopy()
	storage.RoundUp(0)
	out[corev1.ResourceRequestsStorage] = storage
	if class != "" {
		out[corev1.ResourceName(class+ofClass)+corev1.ResourceRequestsStorage] = storage
	}
	return out, nil
}

// claimScope reports whether a claim is in a scope, which there is only of the volume attributes classes that it has or
// is about to have (KEP-3751).
func claimScope(s corev1.ScopedResourceSelectorRequirement, o runtime.Object) (bool, error) {
	c, ok := o.(*corev1.PersistentVolumeClaim)
	if !ok {
		return false, fmt.Errorf("find scope of a claim: got a %T", o)
	}
	if s.ScopeName != corev1.ResourceQuotaScopeVolumeAttributesClass {
		return false, nil
	}
	names := map[string]bool{}
	for _, name := range []*string{c.Spec.VolumeAttributesClassName, c.Status.CurrentVolumeAttributesClassName} {
		if name != nil && *name != "" {
			names[*name] = true
		}
	}
	if m := c.Status.ModifyVolumeStatus; m != nil && m.TargetVolumeAttributesClassName != "" {
		names[m.TargetVolumeAttributesClassName] = true
	}
	if len(names) == 0 {
		return matchesName(s, "")
	}
	for name := range names {
		if in, err := matchesName(s, name); in || err != nil {
			return in, err
		}
	}
	return false, nil
}
