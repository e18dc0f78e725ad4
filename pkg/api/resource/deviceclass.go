package resource

import (
	resourcev1 "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/proa-sh/proa/staging/apidef"
	rules "github.com/proa-sh/proa/staging/apirules/resource"
)

func deviceClass() apidef.Definition {
	type object = *resourcev1.DeviceClass
	return (&apidef.Resource[resourcev1.DeviceClass, object]{
		Names: apidef.Names{
			Kind:          resourcev1.SchemeGroupVersion.WithKind("DeviceClass"),
			Plural:        "deviceclasses",
			Singular:      "deviceclass",
			ClusterScoped: true,
		},
		NewList:        func() runtime.Object { return &resourcev1.DeviceClassList{} },
		PrepareCreate:  func(c object) { c.Spec.ExtendedResourceName = nil },
		PrepareUpdate:  keepExtendedResource,
		Validate:       rules.ValidateDeviceClass,
		ValidateUpdate: rules.ValidateDeviceClassUpdate,
		ReturnDeleted:  true,
		Spec:           apidef.Field(func(c object) *resourcev1.DeviceClassSpec { return &c.Spec }),
		Columns:        []apidef.Column[object]{apidef.Name[object](), apidef.Age[object]()},
	}).Define()
}

// keepExtendedResource lets no class have the name of an extended resource that it did not have: nothing here gives devices to
// pods that ask for them by such a name.
func keepExtendedResource(c, old *resourcev1.DeviceClass) {
	if old.Spec.ExtendedResourceName == nil {
		c.Spec.ExtendedResourceName = nil
	}
}
