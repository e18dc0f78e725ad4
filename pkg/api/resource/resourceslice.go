package resource

import (
	resourcev1 "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/proa-sh/proa/pkg/api/columns"
	"github.com/proa-sh/proa/staging/apidef"
	rules "github.com/proa-sh/proa/staging/apirules/resource"
)

func resourceSlice() apidef.Definition {
	type object = *resourcev1.ResourceSlice
	doc := resourcev1.ResourceSliceSpec{}.SwaggerDoc()
	nodeName := func(s object) string { return columns.Deref(s.Spec.NodeName, "") }
	return (&apidef.Resource[resourcev1.ResourceSlice, object]{
		Names: apidef.Names{
			Kind:          resourcev1.SchemeGroupVersion.WithKind("ResourceSlice"),
			Plural:        "resourceslices",
			Singular:      "resourceslice",
			ClusterScoped: true,
		},
		NewList:        func() runtime.Object { return &resourcev1.ResourceSliceList{} },
		Validate:       rules.ValidateResourceSlice,
		ValidateUpdate: rules.ValidateResourceSliceUpdate,
		ReturnDeleted:  true,
		Spec:           apidef.Field(func(s object) *resourcev1.ResourceSliceSpec { return &s.Spec }),
		Fields: map[string]func(object) string{
			resourcev1.ResourceSliceSelectorNodeName: nodeName,
			resourcev1.ResourceSliceSelectorDriver:   func(s object) string { return s.Spec.Driver },
		},
		Indexed: resourcev1.ResourceSliceSelectorNodeName,
		Columns: []apidef.Column[object]{
			apidef.Name[object](),
			{Name: "Node", Description: doc["nodeName"], Value: func(s object) any { return nodeName(s) }},
			{Name: "Driver", Description: doc["driver"], Value: func(s object) any { return s.Spec.Driver }},
			{Name: "Pool", Description: doc["pool"], Value: func(s object) any { return s.Spec.Pool.Name }},
			apidef.Age[object](),
		},
	}).Define()
}
