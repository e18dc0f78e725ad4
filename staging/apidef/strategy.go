package apidef

import (
	"context"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/apiserver/pkg/storage/names"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
)

// strategy answers the generic registry's questions from a Resource.
type strategy[T any, P Object[T]] struct {
	runtime.ObjectTyper
	names.NameGenerator
	r *Resource[T, P]
}

func (s *strategy[T, P]) NamespaceScoped() bool          { return !s.r.ClusterScoped }
func (s *strategy[T, P]) AllowCreateOnUpdate() bool      { return s.r.CreateOnUpdate }
func (s *strategy[T, P]) AllowUnconditionalUpdate() bool { return !s.r.ConditionalUpdate }
func (s *strategy[T, P]) Canonicalize(runtime.Object)    {}

func (s *strategy[T, P]) PrepareForCreate(ctx context.Context, o runtime.Object) {
	p := o.(P)
	if s.r.Status != nil && !s.r.StatusOnCreate {
		s.r.Status.Clear(p)
	}
	p.SetGeneration(0)
	if s.r.counted() {
		p.SetGeneration(1)
	}
	if s.r.PrepareCreate != nil {
		s.r.PrepareCreate(p)
	}
	if by, ok := request.UserFrom(ctx); ok && s.r.Author != nil {
		s.r.Author(p, by)
	}
}

func (s *strategy[T, P]) PrepareForUpdate(_ context.Context, o, old runtime.Object) {
	p, q := o.(P), old.(P)
	if s.r.Status != nil {
		s.r.Status.Copy(p, q)
	}
	if s.r.PrepareUpdate != nil {
		s.r.PrepareUpdate(p, q)
	}
	s.r.count(p, q, s.r.Counts != nil && s.r.Counts(p, q))
}

// counted says whether objects have a generation.
func (r *Resource[T, P]) counted() bool { return r.Spec != nil && !r.Uncounted }

// count sets the generation, which counts the changes of spec and the one request to delete the object.
func (r *Resource[T, P]) count(p, q P, more bool) {
	generation := q.GetGeneration()
	if r.counted() && (more || !r.Spec.Equal(p, q) || p.GetDeletionTimestamp() != nil && q.GetDeletionTimestamp() == nil) {
		generation++
	}
	p.SetGeneration(generation)
}

func (s *strategy[T, P]) Validate(ctx context.Context, o runtime.Object) field.ErrorList {
	rules := s.rules(ctx)
	if rules.Validate == nil {
		return nil
	}
	return rules.Validate(o.(P))
}

func (s *strategy[T, P]) ValidateUpdate(ctx context.Context, o, old runtime.Object) field.ErrorList {
	rules := s.rules(ctx)
	if rules.ValidateUpdate == nil {
		return s.Validate(ctx, o)
	}
	return rules.ValidateUpdate(o.(P), old.(P))
}

// rules returns those of the version that the client speaks.
func (s *strategy[T, P]) rules(ctx context.Context) Rules[P] {
	if info, ok := request.RequestInfoFrom(ctx); ok && len(s.r.SpokeRules) > 0 {
		if rules, ok := s.r.SpokeRules[schema.GroupVersion{Group: info.APIGroup, Version: info.APIVersion}]; ok {
			return rules
		}
	}
	return Rules[P]{s.r.Validate, s.r.ValidateUpdate}
}

func (s *strategy[T, P]) WarningsOnCreate(_ context.Context, o runtime.Object) []string {
	if s.r.Warnings == nil {
		return nil
	}
	return s.r.Warnings(o.(P), nil)
}

func (s *strategy[T, P]) WarningsOnUpdate(_ context.Context, o, old runtime.Object) []string {
	if s.r.Warnings == nil {
		return nil
	}
	return s.r.Warnings(o.(P), old.(P))
}

func (s *strategy[T, P]) DefaultGarbageCollectionPolicy(context.Context) rest.GarbageCollectionPolicy {
	if s.r.Dependents == "" {
		return rest.DeleteDependents
	}
	return s.r.Dependents
}

func (s *strategy[T, P]) GetResetFields() map[fieldpath.APIVersion]*fieldpath.Set {
	if s.r.Status == nil {
		return nil
	}
	return s.r.resets("status")
}

// resets names fields in every version of the kind.
func (r *Resource[T, P]) resets(fields ...string) map[fieldpath.APIVersion]*fieldpath.Set {
	set := fieldpath.NewSet()
	for _, f := range fields {
		set.Insert(pathOf(f))
	}
	out := map[fieldpath.APIVersion]*fieldpath.Set{fieldpath.APIVersion(r.Kind.GroupVersion().String()): set}
	for _, spoke := range r.Spokes {
		out[fieldpath.APIVersion(spoke.Kind.GroupVersion().String())] = set
	}
	return out
}

func pathOf(dotted string) fieldpath.Path {
	var path fieldpath.Path
	for name := range strings.SplitSeq(dotted, ".") {
		path = append(path, fieldpath.PathElement{FieldName: &name})
	}
	return path
}

// gracefulStrategy is the strategy of kinds that are deleted gracefully.
type gracefulStrategy[T any, P Object[T]] struct{ *strategy[T, P] }

func (s gracefulStrategy[T, P]) CheckGracefulDelete(_ context.Context, o runtime.Object, options *metav1.DeleteOptions) bool {
	return s.r.Graceful(o.(P), options)
}

// viewStrategy is the strategy of a subresource.
type viewStrategy[T any, P Object[T]] struct {
	*strategy[T, P]
	view Subresource[P]
}

// AllowCreateOnUpdate is false: a view is of an object that exists.
func (s *viewStrategy[T, P]) AllowCreateOnUpdate() bool { return false }

func (s *viewStrategy[T, P]) PrepareForUpdate(_ context.Context, o, old runtime.Object) {
	p, q := o.(P), old.(P)
	s.view.Prepare(p, q)
	s.r.count(p, q, false)
}

func (s *viewStrategy[T, P]) ValidateUpdate(_ context.Context, o, old runtime.Object) field.ErrorList {
	if s.view.Validate == nil {
		return nil
	}
	return s.view.Validate(o.(P), old.(P))
}

func (s *viewStrategy[T, P]) WarningsOnUpdate(context.Context, runtime.Object, runtime.Object) []string {
	return nil
}

func (s *viewStrategy[T, P]) GetResetFields() map[fieldpath.APIVersion]*fieldpath.Set {
	return s.r.resets(s.view.Resets...)
}
