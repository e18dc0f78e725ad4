package storage

import (
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/proa-sh/proa/pkg/api/columns"
	"github.com/proa-sh/proa/staging/apidef"
	rules "github.com/proa-sh/proa/staging/apirules/storage"
)

func volumeAttachment() apidef.Definition {
	type object = *storagev1.VolumeAttachment
	doc := storagev1.VolumeAttachmentSpec{}.SwaggerDoc()
	return (&apidef.Resource[storagev1.VolumeAttachment, object]{
		Names: apidef.Names{
			Kind:          storagev1.SchemeGroupVersion.WithKind("VolumeAttachment"),
			Plural:        "volumeattachments",
			Singular:      "volumeattachment",
			ClusterScoped: true,
		},
		NewList:           func() runtime.Object { return &storagev1.VolumeAttachmentList{} },
		Validate:          rules.ValidateVolumeAttachment,
		ValidateUpdate:    rules.ValidateVolumeAttachmentUpdate,
		ValidateStatus:    rules.ValidateVolumeAttachmentStatusUpdate,
		ConditionalUpdate: true,
		ReturnDeleted:     true,
		Spec:              apidef.Field(func(a object) *storagev1.VolumeAttachmentSpec { return &a.Spec }),
		Uncounted:         true,
		Status:            apidef.Field(func(a object) *storagev1.VolumeAttachmentStatus { return &a.Status }),
		StatusKeeps:       "metadata",
		Columns: []apidef.Column[object]{
			apidef.Name[object](),
			{Name: "Attacher", Format: "name", Description: doc["attacher"], Value: func(a object) any { return a.Spec.Attacher }},
			{Name: "PV", Description: storagev1.VolumeAttachmentSource{}.SwaggerDoc()["persistentVolumeName"],
				Value: func(a object) any { return columns.Deref(a.Spec.Source.PersistentVolumeName, "") }},
			{Name: "Node", Description: doc["nodeName"], Value: func(a object) any { return a.Spec.NodeName }},
			{Name: "Attached", Type: "boolean", Description: storagev1.VolumeAttachmentStatus{}.SwaggerDoc()["attached"],
				Value: func(a object) any { return a.Status.Attached }},
			apidef.Age[object](),
		},
	}).Define()
}
