package admissionregistration

import (
	admissionv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/proa-sh/proa/staging/apirules/meta"
)

// ValidateValidatingAdmissionPolicyBinding reports faults of a new binding.
func ValidateValidatingAdmissionPolicyBinding(b *admissionv1.ValidatingAdmissionPolicyBinding) field.ErrorList {
	errs := meta.ClusterScoped(&b.ObjectMeta, meta.SubdomainName)
	return append(errs, validatingBinding(&b.Spec, nil)...)
}

// ValidateValidatingAdmissionPolicyBindingUpdate reports faults of a binding that is to replace old.
func ValidateValidatingAdmissionPolicyBindingUpdate(newB, old *admissionv1.ValidatingAdmissionPolicyBinding) field.ErrorList {
	errs := meta.Update(&newB.ObjectMeta, &old.ObjectMeta)
	return append(errs, validatingBinding(&newB.Spec, old.Spec.MatchResources)...)
}

func validatingBinding(s *admissionv1.ValidatingAdmissionPolicyBindingSpec, stored *admissionv1.MatchResources) field.ErrorList {
	errs := bindingSpec(s.PolicyName, s.ParamRef, s.MatchResources, stored)
	p := field.NewPath("spec", "validationActions")
	if len(s.ValidationActions) == 0 {
		return append(errs, field.Required(p, ""))
	}
	seen := sets.New[admissionv1.ValidationAction]()
	for i, a := range s.ValidationActions {
		errs = append(errs, meta.In(a, p.Index(i), admissionv1.Audit, admissionv1.Deny, admissionv1.Warn)...)
		if seen.Has(a) {
			errs = append(errs, field.Duplicate(p.Index(i), a))
		}
		seen.Insert(a)
	}
	if seen.HasAll(admissionv1.Deny, admissionv1.Warn) {
		errs = append(errs, field.Invalid(p, s.ValidationActions, "must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)"))
	}
	return errs
}

// ValidateMutatingAdmissionPolicyBinding reports faults of a new binding.
func ValidateMutatingAdmissionPolicyBinding(b *admissionv1.MutatingAdmissionPolicyBinding) field.ErrorList {
	errs := meta.ClusterScoped(&b.ObjectMeta, meta.SubdomainName)
	return append(errs, bindingSpec(b.Spec.PolicyName, b.Spec.ParamRef, b.Spec.MatchResources, nil)...)
}

// ValidateMutatingAdmissionPolicyBindingUpdate reports faults of a binding that is to replace old.
func ValidateMutatingAdmissionPolicyBindingUpdate(newB, old *admissionv1.MutatingAdmissionPolicyBinding) field.ErrorList {
	errs := meta.Update(&newB.ObjectMeta, &old.ObjectMeta)
	return append(errs, bindingSpec(newB.Spec.PolicyName, newB.Spec.ParamRef, newB.Spec.MatchResources, old.Spec.MatchResources)...)
}

func bindingSpec(policy string, ref *admissionv1.ParamRef, match, stored *admissionv1.MatchResources) field.ErrorList {
	p := field.NewPath("spec")
	var errs field.ErrorList
	if policy == "" {
		errs = append(errs, field.Required(p.Child("policyName"), ""))
	} else {
		errs = append(errs, meta.Invalid(policy, p.Child("policyName"), validation.IsDNS1123Subdomain(policy))...)
	}
	if ref != nil {
		errs = append(errs, paramRef(ref, p.Child("paramRef"))...)
	}
	if match != nil {
		errs = append(errs, matchResources(match, tolerates(stored), p.Child("matchResources"))...)
	}
	return errs
}

// paramRef finds parameters by name or by labels, not both.
func paramRef(ref *admissionv1.ParamRef, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	if ref.Name != "" {
		errs = append(errs, meta.Invalid(ref.Name, p.Child("name"), meta.PathSegmentName(ref.Name, false))...)
		if ref.Selector != nil {
			errs = append(errs, field.Forbidden(p.Child("name"), "name and selector are mutually exclusive"))
		}
	}
	if ref.Selector != nil {
		errs = append(errs, meta.Selector(ref.Selector, p.Child("selector"), false)...)
	}
	if ref.Name == "" && ref.Selector == nil {
		errs = append(errs, field.Required(p, "one of name or selector must be specified"))
	}
	if ref.ParameterNotFoundAction == nil || *ref.ParameterNotFoundAction == "" {
		return append(errs, field.Required(p.Child("parameterNotFoundAction"), ""))
	}
	return append(errs, meta.In(*ref.ParameterNotFoundAction, p.Child("parameterNotFoundAction"), admissionv1.AllowAction, admissionv1.DenyAction)...)
}
