package storage

import (
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/proa-sh/proa/staging/apidef"
	rules "github.com/proa-sh/proa/staging/apirules/storage"
)

func csiNode() apidef.Definition {
	type object = *storagev1.CSINode
	return (&apidef.Resource[storagev1.CSINode, object]{
		Names: apidef.Names{
			Kind:          storagev1.SchemeGroupVersion.WithKind("CSINode"),
			Plural:        "csinodes",
			Singular:      "csinode",
			ClusterScoped: true,
		},
		NewList:           func() runtime.Object { return &storagev1.CSINodeList{} },
		Validate:          rules.ValidateCSINode,
		ValidateUpdate:    rules.ValidateCSINodeUpdate,
		ConditionalUpdate: true,
		ReturnDeleted:     true,
		Columns: []apidef.Column[object]{
			apidef.Name[object](),
			{Name: "Drivers", Type: "integer", Description: storagev1.CSINodeSpec{}.SwaggerDoc()["drivers"],
				Value: func(n object) any { return int64(len(n.Spec.Drivers)) }},
			apidef.Age[object](),
		},
	}).Define()
}
