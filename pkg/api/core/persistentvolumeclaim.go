package core

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/proa-sh/proa/pkg/api/columns"
	"github.com/proa-sh/proa/staging/apidef"
	rules "github.com/proa-sh/proa/staging/apirules/core"
)

func persistentVolumeClaim() apidef.Definition {
	type object = *corev1.PersistentVolumeClaim
	return (&apidef.Resource[corev1.PersistentVolumeClaim, object]{
		Names: apidef.Names{
			Kind:       corev1.SchemeGroupVersion.WithKind("PersistentVolumeClaim"),
			Plural:     "persistentvolumeclaims",
			Singular:   "persistentvolumeclaim",
			ShortNames: []string{"pvc"},
		},
		NewList:        func() runtime.Object { return &corev1.PersistentVolumeClaimList{} },
		Normalize:      rules.NormalizePersistentVolumeClaim,
		Default:        rules.SetPersistentVolumeClaimDefaults,
		Validate:       rules.ValidatePersistentVolumeClaim,
		ValidateUpdate: rules.ValidatePersistentVolumeClaimUpdate,
		ValidateStatus: rules.ValidatePersistentVolumeClaimStatusUpdate,
		Warnings:       rules.PersistentVolumeClaimWarnings,
		PrepareCreate:  func(c object) { c.Status.Phase = corev1.ClaimPending },
		ReturnDeleted:  true,
		Spec:           apidef.Field(func(c object) *corev1.PersistentVolumeClaimSpec { return &c.Spec }),
		Uncounted:      true,
		Status:         apidef.Field(func(c object) *corev1.PersistentVolumeClaimStatus { return &c.Status }),
		Columns:        claimColumns(),
	}).Define()
}

func claimColumns() []apidef.Column[*corev1.PersistentVolumeClaim] {
	type object = *corev1.PersistentVolumeClaim
	doc := corev1.PersistentVolumeClaimSpec{}.SwaggerDoc()
	bound := func(c object, cell string) any {
		if c.Spec.VolumeName == "" {
			return ""
		}
		return cell
	}
	return []apidef.Column[object]{
		apidef.Name[object](),
		{Name: "Status", Description: corev1.PersistentVolumeClaimStatus{}.SwaggerDoc()["phase"],
			Value: func(c object) any { return phaseCell(&c.ObjectMeta, string(c.Status.Phase)) }},
		{Name: "Volume", Description: doc["volumeName"], Value: func(c object) any { return c.Spec.VolumeName }},
		{Name: "Capacity", Description: corev1.PersistentVolumeClaimStatus{}.SwaggerDoc()["capacity"],
			Value: func(c object) any { return bound(c, storageCell(c.Status.Capacity)) }},
		{Name: "Access Modes", Description: corev1.PersistentVolumeClaimStatus{}.SwaggerDoc()["accessModes"],
			Value: func(c object) any { return bound(c, columns.AccessModes(c.Status.AccessModes)) }},
		{Name: "StorageClass", Description: doc["storageClassName"], Value: func(c object) any {
			if class, ok := c.Annotations[corev1.BetaStorageClassAnnotation]; ok {
				return class
			}
			return columns.Deref(c.Spec.StorageClassName, "")
		}},
		{Name: "VolumeAttributesClass", Description: doc["volumeAttributesClassName"],
			Value: func(c object) any { return columns.Deref(c.Spec.VolumeAttributesClassName, columns.Unset) }},
		apidef.Age[object](),
		{Name: "VolumeMode", Wide: true, Description: doc["volumeMode"],
			Value: func(c object) any { return columns.Deref(c.Spec.VolumeMode, columns.Unset) }},
	}
}
