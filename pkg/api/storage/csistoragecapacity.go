package storage

import (
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/proa-sh/proa/pkg/api/columns"
	"github.com/proa-sh/proa/staging/apidef"
	rules "github.com/proa-sh/proa/staging/apirules/storage"
)

func csiStorageCapacity() apidef.Definition {
	type object = *storagev1.CSIStorageCapacity
	return (&apidef.Resource[storagev1.CSIStorageCapacity, object]{
		Names: apidef.Names{
			Kind:     storagev1.SchemeGroupVersion.WithKind("CSIStorageCapacity"),
			Plural:   "csistoragecapacities",
			Singular: "csistoragecapacity",
		},
		NewList:           func() runtime.Object { return &storagev1.CSIStorageCapacityList{} },
		Validate:          rules.ValidateCSIStorageCapacity,
		ValidateUpdate:    rules.ValidateCSIStorageCapacityUpdate,
		ConditionalUpdate: true,
		ReturnDeleted:     true,
		Columns:           columns.Plain[object](),
	}).Define()
}
