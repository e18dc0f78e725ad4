package coordination

import (
	"strings"

	coordinationv1 "k8s.io/api/coordination/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/proa-sh/proa/staging/apirules/meta"
)

// ValidateLease reports faults of a new lease.
func ValidateLease(l *coordinationv1.Lease) field.ErrorList {
	return append(meta.Namespaced(&l.ObjectMeta, meta.SubdomainName), spec(&l.Spec, field.NewPath("spec"))...)
}

// ValidateLeaseUpdate reports faults of a lease that is to replace old.
func ValidateLeaseUpdate(newL, old *coordinationv1.Lease) field.ErrorList {
	return append(meta.Update(&newL.ObjectMeta, &old.ObjectMeta), spec(&newL.Spec, field.NewPath("spec"))...)
}

func spec(s *coordinationv1.LeaseSpec, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	if v := s.LeaseDurationSeconds; v != nil && *v <= 0 {
		errs = append(errs, field.Invalid(p.Child("leaseDurationSeconds"), *v, "must be greater than 0"))
	}
	if v := s.LeaseTransitions; v != nil && *v < 0 {
		errs = append(errs, field.Invalid(p.Child("leaseTransitions"), *v, "must be greater than or equal to 0"))
	}
	if s.Strategy != nil {
		errs = append(errs, strategy(*s.Strategy, p.Child("strategy"))...)
	}
	if s.PreferredHolder != nil && *s.PreferredHolder != "" && (s.Strategy == nil || *s.Strategy == "") {
		errs = append(errs, field.Forbidden(p.Child("preferredHolder"), "may only be specified when `strategy` is defined"))
	}
	return errs
}

// strategy takes names with a domain from others, and one of its own (KEP-4355).
func strategy(s coordinationv1.CoordinatedLeaseStrategy, p *field.Path) field.ErrorList {
	if strings.Contains(string(s), "/") {
		return meta.QualifiedName(string(s), p)
	}
	return meta.In(s, p, coordinationv1.OldestEmulationVersion)
}
