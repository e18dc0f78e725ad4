package storage

import (
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/proa-sh/proa/pkg/api/columns"
	"github.com/proa-sh/proa/staging/apidef"
	rules "github.com/proa-sh/proa/staging/apirules/storage"
)

func storageClass() apidef.Definition {
	type object = *storagev1.StorageClass
	doc := storagev1.StorageClass{}.SwaggerDoc()
	return (&apidef.Resource[storagev1.StorageClass, object]{
		Names: apidef.Names{
			Kind:          storagev1.SchemeGroupVersion.WithKind("StorageClass"),
			Plural:        "storageclasses",
			Singular:      "storageclass",
			ShortNames:    []string{"sc"},
			ClusterScoped: true,
		},
		NewList:        func() runtime.Object { return &storagev1.StorageClassList{} },
		Default:        rules.SetStorageClassDefaults,
		Validate:       rules.ValidateStorageClass,
		ValidateUpdate: rules.ValidateStorageClassUpdate,
		Warnings:       rules.StorageClassWarnings,
		ReturnDeleted:  true,
		Columns: []apidef.Column[object]{
			nameWithDefault[object]("storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class"),
			{Name: "Provisioner", Description: doc["provisioner"], Value: func(c object) any { return c.Provisioner }},
			{Name: "ReclaimPolicy", Description: doc["reclaimPolicy"], Value: func(c object) any { return columns.Deref(c.ReclaimPolicy, "Delete") }},
			{Name: "VolumeBindingMode", Description: doc["volumeBindingMode"], Value: func(c object) any { return columns.Deref(c.VolumeBindingMode, "Immediate") }},
			{Name: "AllowVolumeExpansion", Description: doc["allowVolumeExpansion"], Value: func(c object) any { return isTrue(c.AllowVolumeExpansion, false) }},
			apidef.Age[object](),
		},
	}).Define()
}

// nameWithDefault is the column with the name, marked if one of the annotations says that the class is the default.
func nameWithDefault[P metav1.Object](annotations ...string) apidef.Column[P] {
	c := apidef.Name[P]()
	c.Value = func(p P) any {
		for _, a := range annotations {
			if p.GetAnnotations()[a] == "true" {
				return p.GetName() + " (default)"
			}
		}
		return p.GetName()
	}
	return c
}
