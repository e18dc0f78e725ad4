package convert

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/conversion"
	"k8s.io/apimachinery/pkg/runtime"
)

// add registers a conversion. The types are pointers.
func add[A, B any](s *runtime.Scheme, convert func(*A, *B) error) error {
	return s.AddConversionFunc((*A)(nil), (*B)(nil), func(a, b any, _ conversion.Scope) error {
		if err := convert(a.(*A), b.(*B)); err != nil {
			return err
		}
		if m, ok := b.(metav1.Object); ok {
			m.SetFinalizers(once(m.GetFinalizers()))
		}
		return nil
	})
}

// once returns each finalizer once. They are a set, and nothing refuses one that is named twice; but the libraries' field
// managers cannot read such an object in another version than its own: it would lose its managedFields.
func once(finalizers []string) []string {
	for i, f := range finalizers {
		if !slices.Contains(finalizers[:i], f) {
			continue
		}
		var out []string // the slice may be that of the object that was converted
		for _, f := range finalizers {
			if !slices.Contains(out, f) {
				out = append(out, f)
			}
		}
		return out
	}
	return finalizers
}

// firstError calls functions until one fails.
func firstError(fs ...func() error) error {
	for _, f := range fs {
		if err := f(); err != nil {
			return err
		}
	}
	return nil
}

// each converts a list's items.
func each[A, B any](in []A, convert func(*A, *B) error) ([]B, error) {
	if in == nil {
		return nil, nil
	}
	out := make([]B, len(in))
	for i := range in {
		if err := convert(&in[i], &out[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}
