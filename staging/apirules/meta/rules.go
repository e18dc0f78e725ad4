package meta

import (
	"fmt"
	"strings"

	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Wording that an API server uses for numbers.
const (
	MustBeNonNegative = apivalidation.IsNegativeErrorMsg
	MustBePositive    = "must be greater than zero"
)

// Invalid turns the messages of a format check of v into errors.
func Invalid(v any, p *field.Path, msgs []string) field.ErrorList {
	var errs field.ErrorList
	for _, m := range msgs {
		errs = append(errs, field.Invalid(p, v, m))
	}
	return errs
}

// Required reports an empty v.
func Required(v string, p *field.Path) field.ErrorList {
	if v == "" {
		return field.ErrorList{field.Required(p, "")}
	}
	return nil
}

// OneOf reports an empty v as required and one that is not in the list as not supported.
func OneOf[T ~string](v T, p *field.Path, supported ...T) field.ErrorList {
	if v == "" {
		return field.ErrorList{field.Required(p, "")}
	}
	return OptionalOneOf(v, p, supported...)
}

// OptionalOneOf reports a non-empty v that is not in the list.
func OptionalOneOf[T ~string](v T, p *field.Path, supported ...T) field.ErrorList {
	if v == "" {
		return nil
	}
	return In(v, p, supported...)
}

// In reports a v, empty or not, that is not in the list.
func In[T ~string](v T, p *field.Path, supported ...T) field.ErrorList {
	for _, s := range supported {
		if v == s {
			return nil
		}
	}
	return field.ErrorList{field.NotSupported(p, v, supported)}
}

// NonNegative reports v < 0.
func NonNegative[T ~int | ~int32 | ~int64](v T, p *field.Path) field.ErrorList {
	if v < 0 {
		return field.ErrorList{field.Invalid(p, int64(v), MustBeNonNegative).WithOrigin("minimum")}
	}
	return nil
}

// Positive reports v <= 0.
func Positive[T ~int | ~int32 | ~int64](v T, p *field.Path) field.ErrorList {
	if v <= 0 {
		return field.ErrorList{field.Invalid(p, int64(v), MustBePositive)}
	}
	return nil
}

// Range reports a v outside lo..hi.
func Range[T ~int | ~int32 | ~int64](v T, lo, hi int, p *field.Path) field.ErrorList {
	if int64(v) < int64(lo) || int64(v) > int64(hi) {
		return field.ErrorList{field.Invalid(p, v, validation.InclusiveRangeError(lo, hi))}
	}
	return nil
}

// DNSLabel reports a v that is no RFC 1123 label; an empty one as required.
func DNSLabel(v string, p *field.Path) field.ErrorList {
	if v == "" {
		return field.ErrorList{field.Required(p, "")}
	}
	return Invalid(v, p, validation.IsDNS1123Label(v))
}

// DNSSubdomain reports a v that is no RFC 1123 subdomain; an empty one as required.
func DNSSubdomain(v string, p *field.Path) field.ErrorList {
	if v == "" {
		return field.ErrorList{field.Required(p, "")}
	}
	return Invalid(v, p, validation.IsDNS1123Subdomain(v))
}

// QualifiedName reports a v that has not the form of a label key.
func QualifiedName(v string, p *field.Path) field.ErrorList {
	return Invalid(v, p, validation.IsQualifiedName(v))
}

// PortNumOrName reports a port number outside 1..65535 or a port name that is no IANA service name.
func PortNumOrName(v intstr.IntOrString, p *field.Path) field.ErrorList {
	switch v.Type {
	case intstr.Int:
		return Invalid(v.IntValue(), p, validation.IsValidPortNum(v.IntValue()))
	case intstr.String:
		return Invalid(v.StrVal, p, validation.IsValidPortName(v.StrVal))
	default:
		return field.ErrorList{field.InternalError(p, fmt.Errorf("unknown type: %v", v.Type))}
	}
}

// LocalPath reports a path that is absolute or climbs with "..".
func LocalPath(v string, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	if strings.HasPrefix(v, "/") {
		errs = append(errs, field.Invalid(p, v, "must be a relative path"))
	}
	return append(errs, NoBacksteps(v, p)...)
}

// LocalFilePath is LocalPath for files that are written into a volume: the first element may not begin with "..",
// which is kept for the atomic writer's own names.
func LocalFilePath(v string, p *field.Path) field.ErrorList {
	errs := LocalPath(v, p)
	if strings.HasPrefix(v, "..") && !strings.HasPrefix(v, "../") {
		errs = append(errs, field.Invalid(p, v, "must not start with '..'"))
	}
	return errs
}

// NoBacksteps reports a path with an element "..".
func NoBacksteps(v string, p *field.Path) field.ErrorList {
	for _, item := range strings.Split(v, "/") {
		if item == ".." {
			return field.ErrorList{field.Invalid(p, v, "must not contain '..'")}
		}
	}
	return nil
}

// Immutable reports a changed value.
func Immutable(newV, oldV any, p *field.Path) field.ErrorList {
	return apivalidation.ValidateImmutableField(newV, oldV, p)
}
