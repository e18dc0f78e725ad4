package apidef

import (
	"context"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/endpoints/handlers/fieldmanager"
	"k8s.io/apiserver/pkg/registry/rest"
)

// Unchanged lets an update that changes nothing but the times at which managers have applied write nothing. The library does
// so too, but takes every object for changed whose hub type is its versioned type: on the way it has set version and kind of
// the old one, which the new one has not.
func Unchanged(info rest.UpdatedObjectInfo) rest.UpdatedObjectInfo {
	return rest.WrapUpdatedObjectInfo(info, func(ctx context.Context, fresh, old runtime.Object) (runtime.Object, error) {
		if fresh == nil || old == nil {
			return fresh, nil
		}
		for _, o := range []runtime.Object{fresh, old} {
			o.GetObjectKind().SetGroupVersionKind(schema.GroupVersionKind{})
		}
		return fieldmanager.IgnoreManagedFieldsTimestampsTransformer(ctx, fresh, old)
	})
}
