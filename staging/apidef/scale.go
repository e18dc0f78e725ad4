package apidef

import (
	"context"
	"fmt"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"k8s.io/apimachinery/pkg/util/validation/field"
	genericregistry "k8s.io/apiserver/pkg/registry/generic/registry"
	"k8s.io/apiserver/pkg/registry/rest"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
)

// Scale says where a kind keeps what the subresource scale shows.
type Scale[P any] struct {
	// Desired points to spec.replicas, which defaults have filled in.
	Desired func(P) *int32
	// Observed is the number of replicas there are.
	Observed func(P) int32
	// Selector is the label selector of the replicas in its text form.
	Selector func(P) string
}

var scaleKind = autoscalingv1.SchemeGroupVersion.WithKind("Scale")

// scaleStore serves autoscaling/v1 Scale as a view of a workload.
type scaleStore[T any, P Object[T]] struct {
	r     *Resource[T, P]
	store *genericregistry.Store
	paths managedfields.ResourcePathMappings
}

func newScale[T any, P Object[T]](r *Resource[T, P], store *genericregistry.Store) rest.Storage {
	version := r.Kind.GroupVersion().String()
	return &scaleStore[T, P]{r, store, managedfields.ResourcePathMappings{version: fieldpath.MakePathOrDie("spec", "replicas")}}
}

func (s *scaleStore[T, P]) New() runtime.Object { return &autoscalingv1.Scale{} }
func (s *scaleStore[T, P]) Destroy()            {}

// GroupVersionKind of the subresource, which is of another group than its resource.
func (s *scaleStore[T, P]) GroupVersionKind(schema.GroupVersion) schema.GroupVersionKind {
	return scaleKind
}

func (s *scaleStore[T, P]) Get(ctx context.Context, name string, options *metav1.GetOptions) (runtime.Object, error) {
	obj, err := s.store.Get(ctx, name, options)
	if err != nil {
		return nil, err
	}
	return s.scaleOf(obj.(P))
}

func (s *scaleStore[T, P]) Update(ctx context.Context, name string, info rest.UpdatedObjectInfo, create rest.ValidateObjectFunc, update rest.ValidateObjectUpdateFunc, _ bool, options *metav1.UpdateOptions) (runtime.Object, bool, error) {
	obj, _, err := s.store.Update(ctx, name, &scaledObject[T, P]{s, name, info}, s.onCreate(create), s.onUpdate(update), false, options)
	if err != nil {
		return nil, false, err
	}
	scale, err := s.scaleOf(obj.(P))
	return scale, false, err
}

// onCreate and onUpdate let admission see Scales.
func (s *scaleStore[T, P]) onCreate(validate rest.ValidateObjectFunc) rest.ValidateObjectFunc {
	return func(ctx context.Context, obj runtime.Object) error {
		scale, err := s.scaleOf(obj.(P))
		if err != nil {
			return err
		}
		return validate(ctx, scale)
	}
}

func (s *scaleStore[T, P]) onUpdate(validate rest.ValidateObjectUpdateFunc) rest.ValidateObjectUpdateFunc {
	return func(ctx context.Context, obj, old runtime.Object) error {
		scale, err := s.scaleOf(obj.(P))
		if err != nil {
			return err
		}
		oldScale, err := s.scaleOf(old.(P))
		if err != nil {
			return err
		}
		return validate(ctx, scale, oldScale)
	}
}

// ConvertToTable shows how many replicas are wanted and are there.
func (s *scaleStore[T, P]) ConvertToTable(ctx context.Context, obj, options runtime.Object) (*metav1.Table, error) {
	type scale = *autoscalingv1.Scale
	return table[autoscalingv1.Scale, scale]{&Resource[autoscalingv1.Scale, scale]{Names: Names{Kind: scaleKind}, Columns: []Column[scale]{
		Name[scale](),
		{Name: "Desired", Type: "integer", Description: autoscalingv1.ScaleSpec{}.SwaggerDoc()["replicas"], Value: func(o scale) any { return int64(o.Spec.Replicas) }},
		{Name: "Available", Type: "integer", Description: autoscalingv1.ScaleStatus{}.SwaggerDoc()["replicas"], Value: func(o scale) any { return int64(o.Status.Replicas) }},
		Age[scale](),
	}}}.ConvertToTable(ctx, obj, options)
}

func (s *scaleStore[T, P]) scaleOf(p P) (*autoscalingv1.Scale, error) {
	managed, err := managedfields.NewScaleHandler(p.GetManagedFields(), s.r.Kind.GroupVersion(), s.paths).ToSubresource()
	if err != nil {
		return nil, fmt.Errorf("derive managed fields of the scale of %s %q: %w", s.r.Plural, p.GetName(), err)
	}
	return &autoscalingv1.Scale{
		ObjectMeta: metav1.ObjectMeta{
			Name: p.GetName(), Namespace: p.GetNamespace(), UID: p.GetUID(), ResourceVersion: p.GetResourceVersion(),
			CreationTimestamp: p.GetCreationTimestamp(), ManagedFields: managed,
		},
		Spec:   autoscalingv1.ScaleSpec{Replicas: *s.r.Scale.Desired(p)},
		Status: autoscalingv1.ScaleStatus{Replicas: s.r.Scale.Observed(p), Selector: s.r.Scale.Selector(p)},
	}, nil
}

// scaledObject turns an update of a Scale into one of its workload.
type scaledObject[T any, P Object[T]] struct {
	s    *scaleStore[T, P]
	name string
	info rest.UpdatedObjectInfo
}

func (o *scaledObject[T, P]) Preconditions() *metav1.Preconditions { return o.info.Preconditions() }

func (o *scaledObject[T, P]) UpdatedObject(ctx context.Context, old runtime.Object) (runtime.Object, error) {
	p := old.DeepCopyObject().(P)
	handler := managedfields.NewScaleHandler(p.GetManagedFields(), o.s.r.Kind.GroupVersion(), o.s.paths)
	oldScale, err := o.s.scaleOf(p)
	if err != nil {
		return nil, err
	}
	updated, err := o.info.UpdatedObject(ctx, oldScale)
	if err != nil {
		return nil, err
	}
	scale, ok := updated.(*autoscalingv1.Scale)
	if !ok {
		return nil, apierrors.NewBadRequest(fmt.Sprintf("expected a Scale, got a %T", updated))
	}
	if errs := validateScale(scale); len(errs) > 0 {
		return nil, apierrors.NewInvalid(scaleKind.GroupKind(), o.name, errs)
	}
	if scale.UID != "" && scale.UID != p.GetUID() {
		return nil, apierrors.NewConflict(o.s.r.Resource(), o.name,
			fmt.Errorf("precondition failed: UID in precondition: %v, UID in object meta: %v", scale.UID, p.GetUID()))
	}
	*o.s.r.Scale.Desired(p) = scale.Spec.Replicas
	p.SetResourceVersion(scale.ResourceVersion)
	managed, err := handler.ToParent(scale.ManagedFields)
	if err != nil {
		return nil, fmt.Errorf("merge managed fields of the scale of %s %q: %w", o.s.r.Plural, o.name, err)
	}
	p.SetManagedFields(managed)
	return p, nil
}

func validateScale(s *autoscalingv1.Scale) field.ErrorList {
	errs := validation.ValidateObjectMeta(&s.ObjectMeta, true, validation.NameIsDNSSubdomain, field.NewPath("metadata"))
	return append(errs, validation.ValidateNonnegativeField(int64(s.Spec.Replicas), field.NewPath("spec", "replicas"))...)
}
