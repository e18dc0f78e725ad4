package batch

import (
	"fmt"

	batchv1 "k8s.io/api/batch/v1"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"github.com/proa-sh/proa/staging/apirules/meta"
)

// Limits of failure and success policies.
const (
	maxPolicyRules      = 20
	maxPolicyConditions = 20
	maxPolicyExitCodes  = 255
	maxPolicyIndexes    = 64 * 1024 // characters
)

// failurePolicy rules how failed pods count (KEP-3329).
func failurePolicy(s *batchv1.JobSpec, p *field.Path) field.ErrorList {
	if s.PodFailurePolicy == nil {
		return nil
	}
	rp := p.Child("podFailurePolicy", "rules")
	rules := s.PodFailurePolicy.Rules
	var errs field.ErrorList
	if len(rules) > maxPolicyRules {
		errs = append(errs, field.TooMany(rp, len(rules), maxPolicyRules))
	}
	containers := sets.New[string]()
	for _, c := range s.Template.Spec.Containers {
		containers.Insert(c.Name)
	}
	for _, c := range s.Template.Spec.InitContainers {
		containers.Insert(c.Name)
	}
	for i := range rules {
		errs = append(errs, failureRule(s, &rules[i], containers, rp.Index(i))...)
	}
	return errs
}

func failureRule(s *batchv1.JobSpec, rule *batchv1.PodFailurePolicyRule, containers sets.Set[string], p *field.Path) field.ErrorList {
	errs := meta.OneOf(rule.Action, p.Child("action"), batchv1.PodFailurePolicyActionCount, batchv1.PodFailurePolicyActionFailIndex,
		batchv1.PodFailurePolicyActionFailJob, batchv1.PodFailurePolicyActionIgnore)
	if rule.Action == batchv1.PodFailurePolicyActionFailIndex && s.BackoffLimitPerIndex == nil {
		errs = append(errs, field.Invalid(p.Child("action"), rule.Action, "requires the backoffLimitPerIndex to be set"))
	}
	if rule.OnExitCodes != nil {
		errs = append(errs, exitCodes(rule.OnExitCodes, containers, p.Child("onExitCodes"))...)
	}
	if len(rule.OnPodConditions) > 0 {
		errs = append(errs, podConditions(rule.OnPodConditions, p.Child("onPodConditions"))...)
	}
	switch {
	case rule.OnExitCodes != nil && len(rule.OnPodConditions) > 0:
		errs = append(errs, field.Invalid(p, field.OmitValueType{}, "specifying both OnExitCodes and OnPodConditions is not supported"))
	case rule.OnExitCodes == nil && len(rule.OnPodConditions) == 0:
		errs = append(errs, field.Invalid(p, field.OmitValueType{}, "specifying one of OnExitCodes and OnPodConditions is required"))
	}
	return errs
}

func exitCodes(r *batchv1.PodFailurePolicyOnExitCodesRequirement, containers sets.Set[string], p *field.Path) field.ErrorList {
	errs := meta.OneOf(r.Operator, p.Child("operator"), batchv1.PodFailurePolicyOnExitCodesOpIn, batchv1.PodFailurePolicyOnExitCodesOpNotIn)
	if r.ContainerName != nil && !containers.Has(*r.ContainerName) {
		errs = append(errs, field.Invalid(p.Child("containerName"), *r.ContainerName, "must be one of the container or initContainer names in the pod template"))
	}
	vp := p.Child("values")
	switch n := len(r.Values); {
	case n == 0:
		errs = append(errs, field.Invalid(vp, r.Values, "at least one value is required"))
	case n > maxPolicyExitCodes:
		errs = append(errs, field.TooMany(vp, n, maxPolicyExitCodes))
	}
	seen, ordered := sets.New[int32](), true
	for i, v := range r.Values {
		if v == 0 && r.Operator == batchv1.PodFailurePolicyOnExitCodesOpIn {
			errs = append(errs, field.Invalid(vp.Index(i), v, "must not be 0 for the In operator"))
		}
		if seen.Has(v) {
			errs = append(errs, field.Duplicate(vp.Index(i), v))
		}
		seen.Insert(v)
		ordered = ordered && (i == 0 || r.Values[i-1] <= v)
	}
	if !ordered {
		errs = append(errs, field.Invalid(vp, r.Values, "must be ordered"))
	}
	return errs
}

func podConditions(list []batchv1.PodFailurePolicyOnPodConditionsPattern, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	if len(list) > maxPolicyConditions {
		errs = append(errs, field.TooMany(p, len(list), maxPolicyConditions))
	}
	for i := range list {
		errs = append(errs, meta.QualifiedName(string(list[i].Type), p.Index(i).Child("type"))...)
		errs = append(errs, meta.OneOf(list[i].Status, p.Index(i).Child("status"), v1.ConditionFalse, v1.ConditionTrue, v1.ConditionUnknown)...)
	}
	return errs
}

// successPolicy rules when an indexed job has done enough (KEP-3998).
func successPolicy(s *batchv1.JobSpec, p *field.Path) field.ErrorList {
	if s.SuccessPolicy == nil {
		return nil
	}
	sp := p.Child("successPolicy")
	if ptr.Deref(s.CompletionMode, "") != batchv1.IndexedCompletion {
		return field.ErrorList{field.Invalid(sp, *s.SuccessPolicy, "requires indexed completion mode")}
	}
	rp, rules := sp.Child("rules"), s.SuccessPolicy.Rules
	if len(rules) == 0 {
		return field.ErrorList{field.Required(rp, "at least one rules must be specified when the successPolicy is specified")}
	}
	var errs field.ErrorList
	if len(rules) > maxPolicyRules {
		errs = append(errs, field.TooMany(rp, len(rules), maxPolicyRules))
	}
	for i := range rules {
		errs = append(errs, successRule(s, &rules[i], rp.Index(i))...)
	}
	return errs
}

func successRule(s *batchv1.JobSpec, rule *batchv1.SuccessPolicyRule, p *field.Path) field.ErrorList {
	if rule.SucceededCount == nil && rule.SucceededIndexes == nil {
		return field.ErrorList{field.Required(p, "at least one of succeededCount or succeededIndexes must be specified")}
	}
	var errs field.ErrorList
	total := int64(-1)
	if rule.SucceededIndexes != nil {
		ip := p.Child("succeededIndexes")
		if len(*rule.SucceededIndexes) > maxPolicyIndexes {
			errs = append(errs, field.TooLong(ip, *rule.SucceededIndexes, maxPolicyIndexes))
		}
		indexes, err := parseIndexes(*rule.SucceededIndexes, int64(ptr.Deref(s.Completions, 0)))
		if err != nil {
			errs = append(errs, field.Invalid(ip, *rule.SucceededIndexes, fmt.Sprintf("error parsing succeededIndexes: %s", err)))
		} else {
			total = countIndexes(indexes)
		}
	}
	if c := rule.SucceededCount; c != nil {
		cp := p.Child("succeededCount")
		errs = append(errs, meta.NonNegative(*c, cp)...)
		if n := ptr.Deref(s.Completions, 0); *c > n {
			errs = append(errs, field.Invalid(cp, *c, fmt.Sprintf("must be less than or equal to %d (the number of specified completions)", n)))
		}
		if total >= 0 && int64(*c) > total {
			errs = append(errs, field.Invalid(cp, *c, fmt.Sprintf("must be less than or equal to %d (the number of indexes in the specified succeededIndexes field)", total)))
		}
	}
	return errs
}
