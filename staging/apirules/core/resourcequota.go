package core

import (
	"slices"
	"strings"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/proa-sh/proa/staging/apirules/meta"
)

// SetResourceQuotaDefaults rounds amounts.
func SetResourceQuotaDefaults(q *v1.ResourceQuota) {
	roundResources(q.Spec.Hard)
	roundResources(q.Status.Hard)
	roundResources(q.Status.Used)
}

// ValidateResourceQuota reports faults of a new resource quota.
func ValidateResourceQuota(q *v1.ResourceQuota) field.ErrorList {
	errs := meta.Namespaced(&q.ObjectMeta, meta.SubdomainName)
	p := field.NewPath("spec")
	errs = append(errs, quotaAmounts(q.Spec.Hard, p.Child("hard"))...)
	errs = append(errs, quotaScopes(&q.Spec, p.Child("scopes"))...)
	return append(errs, scopeSelector(&q.Spec, p.Child("scopeSelector"))...)
}

func quotaAmounts(l v1.ResourceList, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	for _, name := range sortedNames(l) {
		errs = append(errs, quotaResourceName(name, p.Key(string(name)))...)
		errs = append(errs, resourceQuantity(name, l[name], p.Key(string(name)))...)
	}
	return errs
}

func quotaResourceName(name v1.ResourceName, p *field.Path) field.ErrorList {
	errs := meta.QualifiedName(string(name), p)
	if len(errs) == 0 && !hasDomain(string(name)) && !isQuotaResource(name) {
		errs = append(errs, field.Invalid(p, name, "must be a standard resource for quota"))
		if !isStandard(name) {
			errs[0].Detail = "must be a standard resource type or fully qualified"
		}
	}
	return errs
}

// podScopes are the scopes that select pods.
func podScope(s v1.ResourceQuotaScope) bool {
	switch s {
	case v1.ResourceQuotaScopeTerminating, v1.ResourceQuotaScopeNotTerminating, v1.ResourceQuotaScopeBestEffort,
		v1.ResourceQuotaScopeNotBestEffort, v1.ResourceQuotaScopePriorityClass, v1.ResourceQuotaScopeCrossNamespacePodAffinity:
		return true
	}
	return false
}

func knownScope(s v1.ResourceQuotaScope) bool {
	return podScope(s) || s == v1.ResourceQuotaScopeVolumeAttributesClass
}

// scopeApplies tells whether a quota of a resource can be narrowed to a scope.
func scopeApplies(scope v1.ResourceQuotaScope, name v1.ResourceName) bool {
	pods := name == v1.ResourcePods || name == "count/pods"
	compute := strings.HasPrefix(string(name), "requests.") || strings.HasPrefix(string(name), "limits.") ||
		name == v1.ResourceCPU || name == v1.ResourceMemory || name == v1.ResourceEphemeralStorage || isHugePage(name)
	storage := name == v1.ResourceRequestsStorage || name == v1.ResourcePersistentVolumeClaims
	switch scope {
	case v1.ResourceQuotaScopeBestEffort:
		return pods
	case v1.ResourceQuotaScopeTerminating, v1.ResourceQuotaScopeNotTerminating, v1.ResourceQuotaScopeNotBestEffort,
		v1.ResourceQuotaScopePriorityClass, v1.ResourceQuotaScopeCrossNamespacePodAffinity:
		return pods || compute && !storage
	case v1.ResourceQuotaScopeVolumeAttributesClass:
		return storage || strings.HasSuffix(string(name), "storage") || strings.HasSuffix(string(name), "persistentvolumeclaims")
	}
	return true
}

func quotaScopes(s *v1.ResourceQuotaSpec, p *field.Path) field.ErrorList {
	if len(s.Scopes) == 0 {
		return nil
	}
	var errs field.ErrorList
	for _, scope := range s.Scopes {
		if !knownScope(scope) {
			errs = append(errs, field.Invalid(p, s.Scopes, "unsupported scope"))
		}
		for _, name := range sortedNames(s.Hard) {
			if knownScope(scope) && !scopeApplies(scope, name) {
				errs = append(errs, field.Invalid(p, s.Scopes, "unsupported scope applied to resource"))
			}
		}
	}
	if conflicting(sets.New(s.Scopes...)) {
		errs = append(errs, field.Invalid(p, s.Scopes, "conflicting scopes"))
	}
	return errs
}

// conflicting tells scopes that together select nothing.
func conflicting(s sets.Set[v1.ResourceQuotaScope]) bool {
	return s.HasAll(v1.ResourceQuotaScopeBestEffort, v1.ResourceQuotaScopeNotBestEffort) ||
		s.HasAll(v1.ResourceQuotaScopeTerminating, v1.ResourceQuotaScopeNotTerminating)
}

func scopeSelector(s *v1.ResourceQuotaSpec, p *field.Path) field.ErrorList {
	if s.ScopeSelector == nil {
		return nil
	}
	var errs field.ErrorList
	mp := p.Child("matchExpressions")
	scopes := sets.New[v1.ResourceQuotaScope]()
	for i := range s.ScopeSelector.MatchExpressions {
		e := &s.ScopeSelector.MatchExpressions[i]
		errs = append(errs, scopeExpression(e, s.Hard, mp.Index(i))...)
		scopes.Insert(e.ScopeName)
	}
	if conflicting(scopes) {
		errs = append(errs, field.Invalid(mp, s.Scopes, "conflicting scopes"))
	}
	return errs
}

func scopeExpression(e *v1.ScopedResourceSelectorRequirement, hard v1.ResourceList, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	if !knownScope(e.ScopeName) {
		errs = append(errs, field.Invalid(p.Child("scopeName"), e.ScopeName, "unsupported scope"))
	}
	for _, name := range sortedNames(hard) {
		if knownScope(e.ScopeName) && !scopeApplies(e.ScopeName, name) {
			errs = append(errs, field.Invalid(p.Child("resources"), name, "unsupported scope applied to resource"))
		}
	}
	onlyExists := e.ScopeName != v1.ResourceQuotaScopePriorityClass && e.ScopeName != v1.ResourceQuotaScopeVolumeAttributesClass
	if onlyExists && knownScope(e.ScopeName) && e.Operator != v1.ScopeSelectorOpExists {
		errs = append(errs, field.Invalid(p.Child("operator"), e.Operator, "must be 'Exist' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity"))
	}
	switch e.Operator {
	case v1.ScopeSelectorOpIn, v1.ScopeSelectorOpNotIn:
		if len(e.Values) == 0 {
			errs = append(errs, field.Required(p.Child("values"), "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector"))
		}
	case v1.ScopeSelectorOpExists, v1.ScopeSelectorOpDoesNotExist:
		if len(e.Values) != 0 {
			errs = append(errs, field.Invalid(p.Child("values"), e.Values, "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector"))
		}
	default:
		errs = append(errs, field.Invalid(p.Child("operator"), e.Operator, "not a valid selector operator"))
	}
	return errs
}

// ValidateResourceQuotaUpdate reports faults of a quota that is to replace old; its scopes stay.
func ValidateResourceQuotaUpdate(newQ, old *v1.ResourceQuota) field.ErrorList {
	errs := meta.Update(&newQ.ObjectMeta, &old.ObjectMeta)
	errs = append(errs, ValidateResourceQuota(newQ)...)
	n, o := slices.Clone(newQ.Spec.Scopes), slices.Clone(old.Spec.Scopes)
	slices.Sort(n)
	slices.Sort(o)
	if !slices.Equal(slices.Compact(n), slices.Compact(o)) {
		errs = append(errs, field.Invalid(field.NewPath("spec", "scopes"), newQ.Spec.Scopes, "field is immutable"))
	}
	return errs
}

// ValidateResourceQuotaStatusUpdate rules what the quota controller and admission report.
func ValidateResourceQuotaStatusUpdate(newQ, old *v1.ResourceQuota) field.ErrorList {
	errs := meta.Update(&newQ.ObjectMeta, &old.ObjectMeta)
	if newQ.ResourceVersion == "" {
		errs = append(errs, field.Required(field.NewPath("resourceVersion"), ""))
	}
	errs = append(errs, quotaAmounts(newQ.Status.Hard, field.NewPath("status", "hard"))...)
	return append(errs, quotaAmounts(newQ.Status.Used, field.NewPath("status", "used"))...)
}
