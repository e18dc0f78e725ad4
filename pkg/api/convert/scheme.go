package convert

import (
	"k8s.io/apimachinery/pkg/conversion"
	"k8s.io/apimachinery/pkg/runtime"
)

// add registers a conversion. The types are pointers.
func add[A, B any](s *runtime.Scheme, convert func(*A, *B) error) error {
	return s.AddConversionFunc((*A)(nil), (*B)(nil), func(a, b any, _ conversion.Scope) error {
		return convert(a.(*A), b.(*B))
	})
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
