package admissionregistration

import (
	"strings"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/proa-sh/proa/staging/apirules/meta"
)

// ruleWithOperations says which requests are looked at.
func ruleWithOperations(r *admissionv1.RuleWithOperations, p *field.Path) field.ErrorList {
	errs := rule(&r.Rule, p)
	op := p.Child("operations")
	if len(r.Operations) == 0 {
		errs = append(errs, field.Required(op, ""))
	}
	if len(r.Operations) > 1 && sets.New(r.Operations...).Has(admissionv1.OperationAll) {
		errs = append(errs, field.Invalid(op, r.Operations, "if '*' is present, must not specify other operations"))
	}
	for i, o := range r.Operations {
		errs = append(errs, meta.In(o, op.Index(i), admissionv1.OperationAll, admissionv1.Connect, admissionv1.Create, admissionv1.Delete, admissionv1.Update)...)
	}
	return errs
}

func rule(r *admissionv1.Rule, p *field.Path) field.ErrorList {
	errs := wildcardAlone(r.APIGroups, "API groups", false, p.Child("apiGroups"))
	errs = append(errs, wildcardAlone(r.APIVersions, "API versions", true, p.Child("apiVersions"))...)
	errs = append(errs, resources(r.Resources, p.Child("resources"))...)
	if r.Scope != nil {
		errs = append(errs, meta.In(*r.Scope, p.Child("scope"), admissionv1.AllScopes, admissionv1.ClusterScope, admissionv1.NamespacedScope)...)
	}
	return errs
}

func wildcardAlone(list []string, what string, notEmpty bool, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	if len(list) == 0 {
		errs = append(errs, field.Required(p, ""))
	}
	if len(list) > 1 && sets.New(list...).Has("*") {
		errs = append(errs, field.Invalid(p, list, "if '*' is present, must not specify other "+what))
	}
	for i, v := range list {
		if notEmpty && v == "" {
			errs = append(errs, field.Required(p.Index(i), ""))
		}
	}
	return errs
}

// resources are <resource>, <resource>/<subresource>, or wildcards that do not contain each other.
func resources(list []string, p *field.Path) field.ErrorList {
	if len(list) == 0 {
		return field.ErrorList{field.Required(p, "")}
	}
	var errs field.ErrorList
	all, allSubs := sets.New[string](), sets.New[string]()
	for i, text := range list {
		rp := p.Index(i)
		if text == "" {
			errs = append(errs, field.Required(rp, ""))
			continue
		}
		if text == "*/*" && len(list) > 1 {
			errs = append(errs, field.Invalid(p, list, "if '*/*' is present, must not specify other resources"))
		}
		res, sub, hasSub := strings.Cut(text, "/")
		if hasSub && (res == "" || sub == "") {
			errs = append(errs, field.Invalid(rp, text, "must be of the form <resource>/<subresource>"))
			continue
		}
		if !hasSub {
			if res == "*" && len(list) > 1 && hasPlain(list, i) {
				errs = append(errs, field.Invalid(rp, text, "if '*' is present, must not specify other resources without subresources"))
			}
			continue
		}
		if all.Has(res) {
			errs = append(errs, field.Invalid(rp, text, "if '"+res+"/*' is present, must not specify "+text))
		}
		if allSubs.Has(sub) {
			errs = append(errs, field.Invalid(rp, text, "if '*/"+sub+"' is present, must not specify "+text))
		}
		if sub == "*" {
			all.Insert(res)
		}
		if res == "*" {
			allSubs.Insert(sub)
		}
	}
	return errs
}

// hasPlain tells whether another entry than i is a resource without subresource.
func hasPlain(list []string, i int) bool {
	for j, text := range list {
		if j != i && !strings.Contains(text, "/") {
			return true
		}
	}
	return false
}

// matchResources says which objects a policy is about.
func matchResources(m *admissionv1.MatchResources, tolerate bool, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	if m.MatchPolicy == nil {
		errs = append(errs, field.Required(p.Child("matchPolicy"), ""))
	} else {
		errs = append(errs, meta.In(*m.MatchPolicy, p.Child("matchPolicy"), admissionv1.Equivalent, admissionv1.Exact)...)
	}
	if m.NamespaceSelector == nil {
		errs = append(errs, field.Required(p.Child("namespaceSelector"), ""))
	} else {
		errs = append(errs, meta.Selector(m.NamespaceSelector, p.Child("namespaceSelector"), tolerate)...)
	}
	if m.ObjectSelector == nil {
		errs = append(errs, field.Required(p.Child("labelSelector"), ""))
	} else {
		errs = append(errs, meta.Selector(m.ObjectSelector, p.Child("labelSelector"), tolerate)...)
	}
	for i := range m.ResourceRules {
		errs = append(errs, namedRule(&m.ResourceRules[i], p.Child("resourceRules").Index(i))...)
	}
	for i := range m.ExcludeResourceRules {
		errs = append(errs, namedRule(&m.ExcludeResourceRules[i], p.Child("excludeResourceRules").Index(i))...)
	}
	return errs
}

func namedRule(r *admissionv1.NamedRuleWithOperations, p *field.Path) field.ErrorList {
	errs := ruleWithOperations(&r.RuleWithOperations, p)
	seen := sets.New[string]()
	for i, name := range r.ResourceNames {
		np := p.Child("resourceNames").Index(i)
		errs = append(errs, meta.Invalid(name, np, meta.PathSegmentName(name, false))...)
		if seen.Has(name) {
			errs = append(errs, field.Duplicate(np, name))
		}
		seen.Insert(name)
	}
	return errs
}
