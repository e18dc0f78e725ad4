package core

import (
	"slices"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metavalidation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/sets"
	utilvalidation "k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/proa-sh/proa/staging/apirules/meta"
)

func (r *podRules) affinity(p *field.Path) field.ErrorList {
	a := r.spec.Affinity
	if a == nil {
		return nil
	}
	var errs field.ErrorList
	if a.NodeAffinity != nil {
		errs = append(errs, nodeAffinity(a.NodeAffinity, r.tolerance.nodeValues, p.Child("nodeAffinity"))...)
	}
	if pa := a.PodAffinity; pa != nil {
		errs = append(errs, r.affinityTerms(pa.RequiredDuringSchedulingIgnoredDuringExecution, pa.PreferredDuringSchedulingIgnoredDuringExecution, p.Child("podAffinity"))...)
	}
	if pa := a.PodAntiAffinity; pa != nil {
		errs = append(errs, r.affinityTerms(pa.RequiredDuringSchedulingIgnoredDuringExecution, pa.PreferredDuringSchedulingIgnoredDuringExecution, p.Child("podAntiAffinity"))...)
	}
	return errs
}

const (
	requiredTerms  = "requiredDuringSchedulingIgnoredDuringExecution"
	preferredTerms = "preferredDuringSchedulingIgnoredDuringExecution"
)

func nodeAffinity(a *v1.NodeAffinity, anyValue bool, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	if a.RequiredDuringSchedulingIgnoredDuringExecution != nil {
		errs = append(errs, NodeSelector(a.RequiredDuringSchedulingIgnoredDuringExecution, anyValue, p.Child(requiredTerms))...)
	}
	for i := range a.PreferredDuringSchedulingIgnoredDuringExecution {
		t, tp := &a.PreferredDuringSchedulingIgnoredDuringExecution[i], p.Child(preferredTerms).Index(i)
		errs = append(errs, weight(t.Weight, tp.Child("weight"))...)
		errs = append(errs, nodeSelectorTerm(&t.Preference, true, tp.Child("preference"))...)
	}
	return errs
}

func weight(w int32, p *field.Path) field.ErrorList {
	if w < 1 || w > 100 {
		return field.ErrorList{field.Invalid(p, w, "must be in the range 1-100")}
	}
	return nil
}

// NodeSelector reports a node selector without terms or with faulty ones. Values that no label can have are faults, too,
// unless anyValue is true, as for selectors that were stored before values were ruled.
func NodeSelector(s *v1.NodeSelector, anyValue bool, p *field.Path) field.ErrorList {
	tp := p.Child("nodeSelectorTerms")
	if len(s.NodeSelectorTerms) == 0 {
		return field.ErrorList{field.Required(tp, "must have at least one node selector term")}
	}
	var errs field.ErrorList
	for i := range s.NodeSelectorTerms {
		errs = append(errs, nodeSelectorTerm(&s.NodeSelectorTerms[i], anyValue, tp.Index(i))...)
	}
	return errs
}

func nodeSelectorTerm(t *v1.NodeSelectorTerm, anyValue bool, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i := range t.MatchExpressions {
		errs = append(errs, nodeExpression(&t.MatchExpressions[i], anyValue, p.Child("matchExpressions").Index(i))...)
	}
	for i := range t.MatchFields {
		errs = append(errs, nodeField(&t.MatchFields[i], p.Child("matchFields").Index(i))...)
	}
	return errs
}

func nodeExpression(e *v1.NodeSelectorRequirement, anyValue bool, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	switch e.Operator {
	case v1.NodeSelectorOpIn, v1.NodeSelectorOpNotIn:
		if len(e.Values) == 0 {
			errs = append(errs, field.Required(p.Child("values"), "must be specified when `operator` is 'In' or 'NotIn'"))
		}
	case v1.NodeSelectorOpExists, v1.NodeSelectorOpDoesNotExist:
		if len(e.Values) > 0 {
			errs = append(errs, field.Forbidden(p.Child("values"), "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"))
		}
	case v1.NodeSelectorOpGt, v1.NodeSelectorOpLt:
		if len(e.Values) != 1 {
			errs = append(errs, field.Required(p.Child("values"), "must be specified single value when `operator` is 'Lt' or 'Gt'"))
		}
	default:
		errs = append(errs, field.Invalid(p.Child("operator"), e.Operator, "not a valid selector operator"))
	}
	errs = append(errs, metavalidation.ValidateLabelName(e.Key, p.Child("key"))...)
	if anyValue {
		return errs
	}
	for i, value := range e.Values {
		errs = append(errs, meta.Invalid(value, p.Child("values").Index(i), utilvalidation.IsValidLabelValue(value))...)
	}
	return errs
}

// hasOddNodeValue says whether a node selector asks for a value that no label can have.
func hasOddNodeValue(s *v1.NodeSelector) bool {
	if s == nil {
		return false
	}
	for i := range s.NodeSelectorTerms {
		for _, e := range s.NodeSelectorTerms[i].MatchExpressions {
			for _, value := range e.Values {
				if len(utilvalidation.IsValidLabelValue(value)) > 0 {
					return true
				}
			}
		}
	}
	return false
}

// nodeField rules the one field by which nodes can be selected, their name.
func nodeField(e *v1.NodeSelectorRequirement, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	switch e.Operator {
	case v1.NodeSelectorOpIn, v1.NodeSelectorOpNotIn:
		if len(e.Values) != 1 {
			errs = append(errs, field.Required(p.Child("values"), "must be only one value when `operator` is 'In' or 'NotIn' for node field selector"))
		}
	default:
		errs = append(errs, field.Invalid(p.Child("operator"), e.Operator, "not a valid selector operator"))
	}
	if e.Key != metav1.ObjectNameField {
		return append(errs, field.Invalid(p.Child("key"), e.Key, "not a valid field selector key"))
	}
	for i, v := range e.Values {
		errs = append(errs, meta.Invalid(v, p.Child("values").Index(i), validation.NameIsDNSSubdomain(v, false))...)
	}
	return errs
}

func (r *podRules) affinityTerms(required []v1.PodAffinityTerm, preferred []v1.WeightedPodAffinityTerm, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i := range required {
		errs = append(errs, r.affinityTerm(&required[i], p.Child(requiredTerms).Index(i))...)
	}
	for i := range preferred {
		tp := p.Child(preferredTerms).Index(i)
		errs = append(errs, weight(preferred[i].Weight, tp.Child("weight"))...)
		errs = append(errs, r.affinityTerm(&preferred[i].PodAffinityTerm, tp.Child("podAffinityTerm"))...)
	}
	return errs
}

func (r *podRules) affinityTerm(t *v1.PodAffinityTerm, p *field.Path) field.ErrorList {
	errs := r.affinityKeys(t, p)
	errs = append(errs, meta.Selector(t.LabelSelector, p.Child("labelSelector"), r.tolerance.selectorValues)...)
	errs = append(errs, meta.Selector(t.NamespaceSelector, p.Child("namespaceSelector"), r.tolerance.selectorValues)...)
	for _, ns := range t.Namespaces {
		errs = append(errs, meta.Invalid(ns, p.Child("namespace"), validation.ValidateNamespaceName(ns, false))...)
	}
	return append(errs, topologyKey(t.TopologyKey, p.Child("topologyKey"))...)
}

// affinityKeys rules keys whose values are taken from the pod itself (KEP-3633).
func (r *podRules) affinityKeys(t *v1.PodAffinityTerm, p *field.Path) field.ErrorList {
	if len(t.MatchLabelKeys) == 0 && len(t.MismatchLabelKeys) == 0 {
		return nil
	}
	if t.LabelSelector == nil {
		var errs field.ErrorList
		for _, k := range []struct {
			keys []string
			name string
		}{{t.MatchLabelKeys, "matchLabelKeys"}, {t.MismatchLabelKeys, "mismatchLabelKeys"}} {
			if len(k.keys) > 0 {
				errs = append(errs, field.Forbidden(p.Child(k.name), "must not be specified when labelSelector is not set"))
			}
		}
		return errs
	}
	var errs field.ErrorList
	keys := func(list []string, name string, op metav1.LabelSelectorOperator) {
		for i, key := range list {
			kp := p.Child(name).Index(i)
			errs = append(errs, metavalidation.ValidateLabelName(key, kp)...)
			if r.selectsKey(t.LabelSelector, key, op) {
				errs = append(errs, field.Invalid(kp, key, "exists in both "+name+" and labelSelector"))
			}
		}
	}
	keys(t.MatchLabelKeys, "matchLabelKeys", metav1.LabelSelectorOpIn)
	keys(t.MismatchLabelKeys, "mismatchLabelKeys", metav1.LabelSelectorOpNotIn)
	both := sets.New(t.MatchLabelKeys...).Intersection(sets.New(t.MismatchLabelKeys...))
	for _, key := range sets.List(both) {
		errs = append(errs, field.Invalid(p.Child("matchLabelKeys"), key, "exists in both matchLabelKeys and mismatchLabelKeys"))
	}
	return errs
}

// selectsKey tells whether a selector has a requirement on a key of its own. The one that MergeMatchLabelKeys gave the
// selector of a pod does not count.
func (r *podRules) selectsKey(s *metav1.LabelSelector, key string, op metav1.LabelSelectorOperator) bool {
	if _, ok := s.MatchLabels[key]; ok {
		return true
	}
	merged := !r.pod || r.meta == nil
	for i := range s.MatchExpressions {
		e := &s.MatchExpressions[i]
		if e.Key != key {
			continue
		}
		if merged || !isLabelRequirement(e, r.meta.Labels, op) {
			return true
		}
		merged = true
	}
	return false
}

func isLabelRequirement(e *metav1.LabelSelectorRequirement, labels map[string]string, op metav1.LabelSelectorOperator) bool {
	value, ok := labels[e.Key]
	return ok && e.Operator == op && len(e.Values) == 1 && e.Values[0] == value
}

// MergeMatchLabelKeys turns matchLabelKeys and mismatchLabelKeys of a new pod's affinity terms and topology spread
// constraints into requirements of their label selectors, with the values of the pod's own labels (KEP-3633, KEP-3243).
// It is for pods that are being created, after admission has settled their labels; doing it twice adds nothing.
func MergeMatchLabelKeys(pod *v1.Pod) {
	forEachAffinityTerm(pod.Spec.Affinity, func(t *v1.PodAffinityTerm) {
		mergeKeys(t.LabelSelector, t.MatchLabelKeys, pod.Labels, metav1.LabelSelectorOpIn)
		mergeKeys(t.LabelSelector, t.MismatchLabelKeys, pod.Labels, metav1.LabelSelectorOpNotIn)
	})
	for i := range pod.Spec.TopologySpreadConstraints {
		c := &pod.Spec.TopologySpreadConstraints[i]
		mergeKeys(c.LabelSelector, c.MatchLabelKeys, pod.Labels, metav1.LabelSelectorOpIn)
	}
}

func mergeKeys(s *metav1.LabelSelector, keys []string, labels map[string]string, op metav1.LabelSelectorOperator) {
	if s == nil {
		return
	}
	for _, key := range keys {
		value, ok := labels[key]
		if !ok || slices.ContainsFunc(s.MatchExpressions, func(e metav1.LabelSelectorRequirement) bool {
			return e.Key == key && isLabelRequirement(&e, labels, op)
		}) {
			continue
		}
		s.MatchExpressions = append(s.MatchExpressions, metav1.LabelSelectorRequirement{Key: key, Operator: op, Values: []string{value}})
	}
}
