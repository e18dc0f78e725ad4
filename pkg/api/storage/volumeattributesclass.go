package storage

import (
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/proa-sh/proa/staging/apidef"
	rules "github.com/proa-sh/proa/staging/apirules/storage"
)

func volumeAttributesClass() apidef.Definition {
	type object = *storagev1.VolumeAttributesClass
	return (&apidef.Resource[storagev1.VolumeAttributesClass, object]{
		Names: apidef.Names{
			Kind:          storagev1.SchemeGroupVersion.WithKind("VolumeAttributesClass"),
			Plural:        "volumeattributesclasses",
			Singular:      "volumeattributesclass",
			ShortNames:    []string{"vac"},
			ClusterScoped: true,
		},
		NewList:        func() runtime.Object { return &storagev1.VolumeAttributesClassList{} },
		Validate:       rules.ValidateVolumeAttributesClass,
		ValidateUpdate: rules.ValidateVolumeAttributesClassUpdate,
		ReturnDeleted:  true,
		Columns: []apidef.Column[object]{
			nameWithDefault[object]("volumeattributesclass.alpha.kubernetes.io/is-default-class"),
			{Name: "DriverName", Description: storagev1.VolumeAttributesClass{}.SwaggerDoc()["driverName"],
				Value: func(c object) any { return c.DriverName }},
			apidef.Age[object](),
		},
	}).Define()
}
