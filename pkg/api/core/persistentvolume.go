package core

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/proa-sh/proa/pkg/api/columns"
	"github.com/proa-sh/proa/staging/apidef"
	rules "github.com/proa-sh/proa/staging/apirules/core"
)

func persistentVolume() apidef.Definition {
	type object = *corev1.PersistentVolume
	return (&apidef.Resource[corev1.PersistentVolume, object]{
		Names: apidef.Names{
			Kind:          corev1.SchemeGroupVersion.WithKind("PersistentVolume"),
			Plural:        "persistentvolumes",
			Singular:      "persistentvolume",
			ShortNames:    []string{"pv"},
			ClusterScoped: true,
		},
		NewList:        func() runtime.Object { return &corev1.PersistentVolumeList{} },
		Default:        rules.SetPersistentVolumeDefaults,
		Validate:       rules.ValidatePersistentVolume,
		ValidateUpdate: rules.ValidatePersistentVolumeUpdate,
		ValidateStatus: rules.ValidatePersistentVolumeStatusUpdate,
		Warnings:       rules.PersistentVolumeWarnings,
		PrepareCreate: func(v object) {
			now := metav1.Now()
			v.Status.Phase, v.Status.LastPhaseTransitionTime = corev1.VolumePending, &now
		},
		ReturnDeleted: true,
		Spec:          apidef.Field(func(v object) *corev1.PersistentVolumeSpec { return &v.Spec }),
		Uncounted:     true,
		Status:        apidef.Field(func(v object) *corev1.PersistentVolumeStatus { return &v.Status }),
		PrepareStatus: stampPhase,
		Columns:       volumeColumns(),
	}).Define()
}

// stampPhase records when the phase changed, unless the client does (KEP-3762).
func stampPhase(new, old *corev1.PersistentVolume) {
	switch {
	case new.Status.Phase == old.Status.Phase:
		if new.Status.LastPhaseTransitionTime == nil {
			new.Status.LastPhaseTransitionTime = old.Status.LastPhaseTransitionTime
		}
	case new.Status.LastPhaseTransitionTime == nil || new.Status.LastPhaseTransitionTime.Equal(old.Status.LastPhaseTransitionTime):
		now := metav1.Now()
		new.Status.LastPhaseTransitionTime = &now
	}
}

func volumeColumns() []apidef.Column[*corev1.PersistentVolume] {
	type object = *corev1.PersistentVolume
	doc := corev1.PersistentVolumeSpec{}.SwaggerDoc()
	return []apidef.Column[object]{
		apidef.Name[object](),
		{Name: "Capacity", Description: doc["capacity"], Value: func(v object) any { return storageCell(v.Spec.Capacity) }},
		{Name: "Access Modes", Description: doc["accessModes"], Value: func(v object) any { return columns.AccessModes(v.Spec.AccessModes) }},
		{Name: "Reclaim Policy", Description: doc["persistentVolumeReclaimPolicy"],
			Value: func(v object) any { return string(v.Spec.PersistentVolumeReclaimPolicy) }},
		{Name: "Status", Description: corev1.PersistentVolumeStatus{}.SwaggerDoc()["phase"],
			Value: func(v object) any { return phaseCell(&v.ObjectMeta, string(v.Status.Phase)) }},
		{Name: "Claim", Description: doc["claimRef"], Value: func(v object) any {
			if v.Spec.ClaimRef == nil {
				return ""
			}
			return v.Spec.ClaimRef.Namespace + "/" + v.Spec.ClaimRef.Name
		}},
		{Name: "StorageClass", Description: doc["storageClassName"], Value: func(v object) any {
			return columns.Or(v.Annotations[corev1.BetaStorageClassAnnotation], v.Spec.StorageClassName)
		}},
		{Name: "VolumeAttributesClass", Description: doc["volumeAttributesClassName"],
			Value: func(v object) any { return columns.Deref(v.Spec.VolumeAttributesClassName, columns.Unset) }},
		{Name: "Reason", Description: corev1.PersistentVolumeStatus{}.SwaggerDoc()["reason"],
			Value: func(v object) any { return v.Status.Reason }},
		apidef.Age[object](),
		{Name: "VolumeMode", Wide: true, Description: doc["volumeMode"],
			Value: func(v object) any { return columns.Deref(v.Spec.VolumeMode, columns.Unset) }},
	}
}

func storageCell(l corev1.ResourceList) string {
	q := l[corev1.ResourceStorage]
	return q.String()
}

// phaseCell shows that an object with finalizers is about to go.
func phaseCell(m *metav1.ObjectMeta, phase string) string {
	if m.DeletionTimestamp != nil {
		return "Terminating"
	}
	return phase
}
