package apidef

import (
	"fmt"
	"reflect"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/conversion"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// addToScheme registers the hub under its own and its group's internal version, with its defaults and field labels, and
// the spokes. The generated AddToScheme of the hub's API group must have run before.
func (r *Resource[T, P]) addToScheme(s *runtime.Scheme) error {
	groups := map[string]bool{r.Kind.Group: true}
	for _, spoke := range r.Spokes {
		groups[spoke.Kind.Group] = true
		if err := spoke.AddToScheme(s); err != nil {
			return fmt.Errorf("register %s: %w", spoke.Kind, err)
		}
		if err := s.AddFieldLabelConversionFunc(spoke.Kind, r.spokeLabel(spoke)); err != nil {
			return fmt.Errorf("register field labels of %s: %w", spoke.Kind, err)
		}
	}
	for group := range groups {
		for kind, obj := range map[string]runtime.Object{r.Kind.Kind: P(new(T)), r.Kind.Kind + "List": r.NewList()} {
			if err := addInternal(s, schema.GroupKind{Group: group, Kind: kind}, obj); err != nil {
				return err
			}
		}
	}
	r.addDefaults(s)
	return s.AddFieldLabelConversionFunc(r.Kind, r.fieldLabel)
}

func (r *Resource[T, P]) addDefaults(s *runtime.Scheme) {
	if r.Normalize == nil && r.Default == nil {
		return
	}
	complete := func(p P) {
		if r.Normalize != nil {
			r.Normalize(p)
		}
		if r.Default != nil {
			r.Default(p)
		}
	}
	s.AddTypeDefaultingFunc(P(new(T)), func(o any) { complete(o.(P)) })
	s.AddTypeDefaultingFunc(r.NewList(), func(o any) {
		// The callback never fails and every list of a scheme has items.
		_ = meta.EachListItem(o.(runtime.Object), func(item runtime.Object) error {
			complete(item.(P))
			return nil
		})
	})
}

func (r *Resource[T, P]) fieldLabel(label, value string) (string, string, error) {
	_, ok := r.Fields[label]
	if ok || label == nameField || label == "metadata.namespace" {
		return label, value, nil
	}
	return "", "", fmt.Errorf("field label not supported: %s", label)
}

// spokeLabel returns the conversion of a spoke's field labels to the hub's.
func (r *Resource[T, P]) spokeLabel(spoke Spoke) runtime.FieldLabelConversionFunc {
	return func(label, value string) (string, string, error) {
		if hub, ok := spoke.FieldLabels[label]; ok {
			return hub, value, nil
		}
		if spoke.FieldLabels != nil && label != nameField && label != "metadata.namespace" {
			return "", "", fmt.Errorf("field label not supported: %s", label)
		}
		return r.fieldLabel(label, value)
	}
}

// addInternal makes obj's type the one that k8s.io/apiserver works with for a kind. Converting an object to its own type
// copies it.
func addInternal(s *runtime.Scheme, kind schema.GroupKind, obj runtime.Object) error {
	s.AddKnownTypeWithName(kind.WithVersion(runtime.APIVersionInternal), obj)
	return s.AddConversionFunc(obj, obj, func(in, out any, _ conversion.Scope) error {
		reflect.ValueOf(out).Elem().Set(reflect.ValueOf(in.(runtime.Object).DeepCopyObject()).Elem())
		return nil
	})
}

// addRemaining makes the version's types those to work with for all kinds that no resource has claimed: what is sent to
// subresources and reviews. Kinds of package meta, such as ListOptions, are in every group and are left alone.
func addRemaining(s *runtime.Scheme, version schema.GroupVersion) error {
	for kind, t := range s.KnownTypes(version) {
		internal := schema.GroupVersionKind{Group: version.Group, Version: runtime.APIVersionInternal, Kind: kind}
		if s.Recognizes(internal) || t.PkgPath() == reflect.TypeFor[metav1.Status]().PkgPath() {
			continue
		}
		if err := addInternal(s, internal.GroupKind(), reflect.New(t).Interface().(runtime.Object)); err != nil {
			return err
		}
	}
	return nil
}
