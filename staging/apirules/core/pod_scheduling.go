package core

import (
	"encoding/json"
	"fmt"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/validate/content"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metavalidation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/proa-sh/proa/staging/apirules/meta"
)

// scheduling rules what the scheduler reads.
func (r *podRules) scheduling(p *field.Path) field.ErrorList {
	s := r.spec
	errs := r.affinity(p.Child("affinity"))
	errs = append(errs, r.tolerations(s.Tolerations, p.Child("tolerations"))...)
	errs = append(errs, r.spreadConstraints(p.Child("topologySpreadConstraints"))...)
	for i, gate := range s.ReadinessGates {
		errs = append(errs, meta.QualifiedName(string(gate.ConditionType), p.Child("readinessGates").Index(i).Child("conditionType"))...)
	}
	seen := sets.New[string]()
	for i, gate := range s.SchedulingGates {
		gp := p.Child("schedulingGates").Index(i)
		errs = append(errs, meta.QualifiedName(gate.Name, gp)...)
		if seen.Has(gate.Name) {
			errs = append(errs, field.Duplicate(gp, gate.Name))
		}
		seen.Insert(gate.Name)
	}
	if v := s.PreemptionPolicy; v != nil {
		errs = append(errs, meta.OneOf(*v, p.Child("preemptionPolicy"), v1.PreemptLowerPriority, v1.PreemptNever)...)
	}
	if len(s.Overhead) > 0 {
		errs = append(errs, r.requirements(&v1.ResourceRequirements{Limits: s.Overhead}, p.Child("overhead"), containerResourceName)...)
	}
	return errs
}

func (r *podRules) tolerations(list []v1.Toleration, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i := range list {
		errs = append(errs, r.toleration(&list[i], p.Index(i))...)
	}
	return errs
}

func (r *podRules) toleration(t *v1.Toleration, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	if t.Key != "" {
		errs = append(errs, metavalidation.ValidateLabelName(t.Key, p.Child("key"))...)
	} else if t.Operator != v1.TolerationOpExists {
		errs = append(errs, field.Invalid(p.Child("operator"), t.Operator,
			"operator must be Exists when `key` is empty, which means \"match all values and all keys\""))
	}
	if t.TolerationSeconds != nil && t.Effect != v1.TaintEffectNoExecute {
		errs = append(errs, field.Invalid(p.Child("effect"), t.Effect, "effect must be 'NoExecute' when `tolerationSeconds` is set"))
	}
	supported := []v1.TolerationOperator{v1.TolerationOpEqual, v1.TolerationOpExists}
	if r.tolerance.comparisons {
		supported = append(supported, v1.TolerationOpLt, v1.TolerationOpGt)
	}
	switch t.Operator {
	case v1.TolerationOpEqual, "":
		errs = append(errs, meta.Invalid(t.Value, p.Child("operator"), validation.IsValidLabelValue(t.Value))...)
	case v1.TolerationOpExists:
		if t.Value != "" {
			errs = append(errs, field.Invalid(p.Child("operator"), t, "value must be empty when `operator` is 'Exists'"))
		}
	case v1.TolerationOpLt, v1.TolerationOpGt:
		if !r.tolerance.comparisons {
			errs = append(errs, field.NotSupported(p.Child("operator"), t.Operator, supported))
		} else {
			errs = append(errs, meta.Invalid(t.Value, p.Child("value"), content.IsDecimalInteger(t.Value))...)
		}
	default:
		errs = append(errs, field.NotSupported(p.Child("operator"), t.Operator, supported))
	}
	return append(errs, taintEffect(t.Effect, true, p.Child("effect"))...)
}

func taintEffect(e v1.TaintEffect, allowEmpty bool, p *field.Path) field.ErrorList {
	if e == "" {
		if allowEmpty {
			return nil
		}
		return field.ErrorList{field.Required(p, "")}
	}
	return meta.In(e, p, v1.TaintEffectNoSchedule, v1.TaintEffectPreferNoSchedule, v1.TaintEffectNoExecute)
}

// tolerationAnnotation rules the alpha form of tolerations, which is kept but not used.
func tolerationAnnotation(value string, p *field.Path) field.ErrorList {
	var list []v1.Toleration
	if err := json.Unmarshal([]byte(value), &list); err != nil {
		return field.ErrorList{field.Invalid(p, v1.TolerationsAnnotationKey, err.Error())}
	}
	r := podRules{}
	return r.tolerations(list, p.Child(v1.TolerationsAnnotationKey))
}

func (r *podRules) spreadConstraints(p *field.Path) field.ErrorList {
	list := r.spec.TopologySpreadConstraints
	var errs field.ErrorList
	for i := range list {
		c, cp := &list[i], p.Index(i)
		errs = append(errs, meta.Positive(c.MaxSkew, cp.Child("maxSkew"))...)
		errs = append(errs, topologyKey(c.TopologyKey, cp.Child("topologyKey"))...)
		errs = append(errs, meta.In(c.WhenUnsatisfiable, cp.Child("whenUnsatisfiable"), v1.DoNotSchedule, v1.ScheduleAnyway)...)
		for _, other := range list[:i] {
			if other.TopologyKey == c.TopologyKey && other.WhenUnsatisfiable == c.WhenUnsatisfiable {
				errs = append(errs, field.Duplicate(cp.Child("{topologyKey, whenUnsatisfiable}"), fmt.Sprintf("{%v, %v}", c.TopologyKey, c.WhenUnsatisfiable)))
				break
			}
		}
		errs = append(errs, minDomains(c, cp.Child("minDomains"))...)
		if v := c.NodeAffinityPolicy; v != nil {
			errs = append(errs, meta.In(*v, cp.Child("nodeAffinityPolicy"), v1.NodeInclusionPolicyHonor, v1.NodeInclusionPolicyIgnore)...)
		}
		if v := c.NodeTaintsPolicy; v != nil {
			errs = append(errs, meta.In(*v, cp.Child("nodeTaintsPolicy"), v1.NodeInclusionPolicyHonor, v1.NodeInclusionPolicyIgnore)...)
		}
		errs = append(errs, r.spreadKeys(c, cp.Child("matchLabelKeys"))...)
		if !r.tolerance.spreadSelectors {
			errs = append(errs, meta.Selector(c.LabelSelector, cp.Child("labelSelector"), r.tolerance.selectorValues)...)
		}
	}
	return errs
}

func topologyKey(key string, p *field.Path) field.ErrorList {
	if key == "" {
		return field.ErrorList{field.Required(p, "can not be empty")}
	}
	return metavalidation.ValidateLabelName(key, p)
}

func minDomains(c *v1.TopologySpreadConstraint, p *field.Path) field.ErrorList {
	if c.MinDomains == nil {
		return nil
	}
	errs := meta.Positive(*c.MinDomains, p)
	if c.WhenUnsatisfiable != v1.DoNotSchedule {
		errs = append(errs, field.Invalid(p, c.MinDomains, fmt.Sprintf("can only use minDomains if whenUnsatisfiable=%s, not %s", v1.DoNotSchedule, c.WhenUnsatisfiable)))
	}
	return errs
}

// spreadKeys rules keys whose values are taken from the pod itself (KEP-3243).
func (r *podRules) spreadKeys(c *v1.TopologySpreadConstraint, p *field.Path) field.ErrorList {
	if len(c.MatchLabelKeys) == 0 {
		return nil
	}
	if c.LabelSelector == nil {
		return field.ErrorList{field.Forbidden(p, "must not be specified when labelSelector is not set")}
	}
	var errs field.ErrorList
	for i, key := range c.MatchLabelKeys {
		errs = append(errs, metavalidation.ValidateLabelName(key, p.Index(i))...)
		if r.selectsKey(c.LabelSelector, key, metav1.LabelSelectorOpIn) {
			errs = append(errs, field.Invalid(p.Index(i), key, "exists in both matchLabelKeys and labelSelector"))
		}
	}
	return errs
}
