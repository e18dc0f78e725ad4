package rbac

import (
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/proa-sh/proa/staging/apirules/meta"
)

// ValidateRole reports faults of a new role.
func ValidateRole(r *rbacv1.Role) field.ErrorList {
	return append(meta.Namespaced(&r.ObjectMeta, meta.PathSegmentName), rules(r.Rules, true)...)
}

// ValidateRoleUpdate reports faults of a role that is to replace old.
func ValidateRoleUpdate(newR, old *rbacv1.Role) field.ErrorList {
	return append(meta.Update(&newR.ObjectMeta, &old.ObjectMeta), ValidateRole(newR)...)
}

// ValidateClusterRole reports faults of a new cluster role.
func ValidateClusterRole(r *rbacv1.ClusterRole) field.ErrorList { return clusterRole(r, nil) }

// ValidateClusterRoleUpdate reports faults of a cluster role that is to replace old.
func ValidateClusterRoleUpdate(newR, old *rbacv1.ClusterRole) field.ErrorList {
	return append(meta.Update(&newR.ObjectMeta, &old.ObjectMeta), clusterRole(newR, old)...)
}

func clusterRole(r, old *rbacv1.ClusterRole) field.ErrorList {
	errs := append(meta.ClusterScoped(&r.ObjectMeta, meta.PathSegmentName), rules(r.Rules, false)...)
	if r.AggregationRule == nil {
		return errs
	}
	tolerate := false
	if old != nil && old.AggregationRule != nil {
		for i := range old.AggregationRule.ClusterRoleSelectors {
			tolerate = tolerate || meta.SelectorHasInvalidValue(&old.AggregationRule.ClusterRoleSelectors[i])
		}
	}
	p := field.NewPath("aggregationRule", "clusterRoleSelectors")
	if len(r.AggregationRule.ClusterRoleSelectors) == 0 {
		return append(errs, field.Required(p, "at least one clusterRoleSelector required if aggregationRule is non-nil"))
	}
	for i := range r.AggregationRule.ClusterRoleSelectors {
		errs = append(errs, meta.Selector(&r.AggregationRule.ClusterRoleSelectors[i], p.Index(i), tolerate)...)
	}
	return errs
}

func rules(list []rbacv1.PolicyRule, namespaced bool) field.ErrorList {
	var errs field.ErrorList
	for i := range list {
		errs = append(errs, rule(&list[i], namespaced, field.NewPath("rules").Index(i))...)
	}
	return errs
}

// rule is about URLs or about resources, not both; only cluster roles know URLs.
func rule(r *rbacv1.PolicyRule, namespaced bool, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	if len(r.Verbs) == 0 {
		errs = append(errs, field.Required(p.Child("verbs"), "verbs must contain at least one value"))
	}
	if len(r.NonResourceURLs) > 0 {
		if namespaced {
			errs = append(errs, field.Invalid(p.Child("nonResourceURLs"), r.NonResourceURLs, "namespaced rules cannot apply to non-resource URLs"))
		}
		if len(r.APIGroups)+len(r.Resources)+len(r.ResourceNames) > 0 {
			errs = append(errs, field.Invalid(p.Child("nonResourceURLs"), r.NonResourceURLs, "rules cannot apply to both regular resources and non-resource URLs"))
		}
		return errs
	}
	if len(r.APIGroups) == 0 {
		errs = append(errs, field.Required(p.Child("apiGroups"), "resource rules must supply at least one api group"))
	}
	if len(r.Resources) == 0 {
		errs = append(errs, field.Required(p.Child("resources"), "resource rules must supply at least one resource"))
	}
	return errs
}
