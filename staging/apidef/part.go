package apidef

import apiequality "k8s.io/apimachinery/pkg/api/equality"

// A Part is a piece of an object, such as its spec or its status.
type Part[P any] interface {
	// Copy makes dst's part that of src, sharing memory.
	Copy(dst, src P)
	// Clear empties the part.
	Clear(P)
	// Equal reports whether the part means the same in both, empty and absent being the same.
	Equal(a, b P) bool
}

// Field returns the part that at points to.
func Field[P, S any](at func(P) *S) Part[P] { return fieldPart[P, S]{at} }

type fieldPart[P, S any] struct{ at func(P) *S }

func (f fieldPart[P, S]) Copy(dst, src P) { *f.at(dst) = *f.at(src) }

func (f fieldPart[P, S]) Clear(p P) {
	var zero S
	*f.at(p) = zero
}

func (f fieldPart[P, S]) Equal(a, b P) bool {
	return apiequality.Semantic.DeepEqual(f.at(a), f.at(b))
}
