package apps

import (
	"encoding/json"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/proa-sh/proa/staging/apirules/meta"
)

// ValidateControllerRevision reports faults of a new controller revision.
func ValidateControllerRevision(r *appsv1.ControllerRevision) field.ErrorList {
	errs := meta.Namespaced(&r.ObjectMeta, meta.SubdomainName)
	p := field.NewPath("data")
	switch {
	case r.Data.Object == nil && len(r.Data.Raw) == 0:
		errs = append(errs, field.Required(p, "data is mandatory"))
	case len(r.Data.Raw) > 0 && !json.Valid(r.Data.Raw):
		errs = append(errs, field.Invalid(p, string(r.Data.Raw), "must be valid JSON"))
	}
	return append(errs, meta.NonNegative(r.Revision, field.NewPath("revision"))...)
}

// ValidateControllerRevisionUpdate reports faults of a revision that is to replace old; its data stays.
func ValidateControllerRevisionUpdate(newR, old *appsv1.ControllerRevision) field.ErrorList {
	errs := meta.Update(&newR.ObjectMeta, &old.ObjectMeta)
	errs = append(errs, ValidateControllerRevision(newR)...)
	return append(errs, meta.Immutable(newR.Data, old.Data, field.NewPath("data"))...)
}
