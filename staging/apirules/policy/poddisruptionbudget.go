package policy

import (
	policyv1 "k8s.io/api/policy/v1"
	metavalidation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/proa-sh/proa/staging/apirules/meta"
)

// ValidatePodDisruptionBudget reports faults of a new budget.
func ValidatePodDisruptionBudget(b *policyv1.PodDisruptionBudget) field.ErrorList {
	errs := meta.Namespaced(&b.ObjectMeta, meta.SubdomainName)
	return append(errs, spec(&b.Spec, nil, field.NewPath("spec"))...)
}

// ValidatePodDisruptionBudgetUpdate reports faults of a budget that is to replace old.
func ValidatePodDisruptionBudgetUpdate(newB, old *policyv1.PodDisruptionBudget) field.ErrorList {
	errs := meta.Update(&newB.ObjectMeta, &old.ObjectMeta)
	return append(errs, spec(&newB.Spec, &old.Spec, field.NewPath("spec"))...)
}

func spec(s, old *policyv1.PodDisruptionBudgetSpec, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	if s.MinAvailable != nil && s.MaxUnavailable != nil {
		errs = append(errs, field.Invalid(p, *s, "minAvailable and maxUnavailable cannot be both set"))
	}
	if v := s.MinAvailable; v != nil {
		errs = append(errs, meta.IntOrPercent(*v, p.Child("minAvailable"))...)
		errs = append(errs, meta.AtMost100Percent(*v, p.Child("minAvailable"))...)
	}
	if v := s.MaxUnavailable; v != nil {
		errs = append(errs, meta.IntOrPercent(*v, p.Child("maxUnavailable"))...)
		errs = append(errs, meta.AtMost100Percent(*v, p.Child("maxUnavailable"))...)
	}
	errs = append(errs, meta.Selector(s.Selector, p.Child("selector"), old != nil && meta.SelectorHasInvalidValue(old.Selector))...)
	if v := s.UnhealthyPodEvictionPolicy; v != nil {
		errs = append(errs, meta.In(*v, p.Child("unhealthyPodEvictionPolicy"), policyv1.AlwaysAllow, policyv1.IfHealthyBudget)...)
	}
	return errs
}

// ValidatePodDisruptionBudgetStatusUpdate rules what the disruption controller reports.
func ValidatePodDisruptionBudgetStatusUpdate(newB, old *policyv1.PodDisruptionBudget) field.ErrorList {
	p, s := field.NewPath("status"), &newB.Status
	errs := meta.Update(&newB.ObjectMeta, &old.ObjectMeta)
	errs = append(errs, metavalidation.ValidateConditions(s.Conditions, p.Child("conditions"))...)
	errs = append(errs, meta.NonNegative(s.DisruptionsAllowed, p.Child("disruptionsAllowed"))...)
	errs = append(errs, meta.NonNegative(s.CurrentHealthy, p.Child("currentHealthy"))...)
	errs = append(errs, meta.NonNegative(s.DesiredHealthy, p.Child("desiredHealthy"))...)
	return append(errs, meta.NonNegative(s.ExpectedPods, p.Child("expectedPods"))...)
}
