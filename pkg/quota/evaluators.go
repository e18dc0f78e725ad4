package quota

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/admission"
	quota "k8s.io/apiserver/pkg/quota/v1"
	"k8s.io/apiserver/pkg/quota/v1/generic"
	"k8s.io/utils/clock"
)

// Evaluators returns all that know more of a kind than how to count its objects. Whoever needs to count others uses
// generic.NewObjectCountEvaluator. list finds the lister of a resource; admission, which never asks for the usage of a
// whole namespace, gives nil.
func Evaluators(list quota.ListerForResourceFunc, now clock.PassiveClock) []quota.Evaluator {
	out := []quota.Evaluator{pods(list, now), services(list), claims(list), resourceClaims(list)}
	// These have a name of their own in quotas, from before there was count/<resource>.
	for plural, alias := range map[string]corev1.ResourceName{
		"configmaps": corev1.ResourceConfigMaps, "resourcequotas": corev1.ResourceQuotas,
		"replicationcontrollers": corev1.ResourceReplicationControllers, "secrets": corev1.ResourceSecrets,
	} {
		out = append(out, generic.NewObjectCountEvaluator(corev1.Resource(plural), generic.ListResourceUsingListerFunc(list, corev1.SchemeGroupVersion.WithResource(plural)), alias))
	}
	return out
}

// Ignored lists the resources that no quota counts: they are records of what happened, and grow by themselves.
func Ignored() map[schema.GroupResource]struct{} {
	return map[schema.GroupResource]struct{}{
		corev1.Resource("events"):                    {},
		{Group: "events.k8s.io", Resource: "events"}: {},
	}
}

// evaluator is a quota.Evaluator of one kind.
type evaluator struct {
	resource schema.GroupResource
	handles  func(admission.Attributes) bool
	// names picks from a quota's resources those that this kind uses.
	names func([]corev1.ResourceName) []corev1.ResourceName
	usage generic.UsageFunc
	list  generic.ListFuncByNamespace
	// scope says whether an object is in a scope; objects of this kind are in none if nil.
	scope generic.MatchesScopeFunc
	// constraints refuses an object that does not say how much it needs of what a quota limits; may be nil.
	constraints func(required []corev1.ResourceName, item runtime.Object) error
}

var _ quota.Evaluator = (*evaluator)(nil)

func (e *evaluator) GroupResource() schema.GroupResource { return e.resource }

func (e *evaluator) Handles(a admission.Attributes) bool { return e.handles(a) }

func (e *evaluator) Constraints(required []corev1.ResourceName, item runtime.Object) error {
	if e.constraints == nil {
		return nil
	}
	return e.constraints(required, item)
}

func (e *evaluator) Matches(q *corev1.ResourceQuota, item runtime.Object) (bool, error) {
	return generic.Matches(q, item, e.names, e.inScope)
}

func (e *evaluator) MatchingResources(all []corev1.ResourceName) []corev1.ResourceName {
	return e.names(all)
}

func (e *evaluator) Usage(item runtime.Object) (corev1.ResourceList, error) { return e.usage(item) }

func (e *evaluator) UsageStats(o quota.UsageStatsOptions) (quota.UsageStats, error) {
	return generic.CalculateUsageStats(o, e.list, e.inScope, e.usage)
}

func (e *evaluator) inScope(s corev1.ScopedResourceSelectorRequirement, item runtime.Object) (bool, error) {
	if e.scope == nil {
		return generic.MatchesNoScopeFunc(s, item)
	}
	return e.scope(s, item)
}

// MatchingScopes returns the scopes that the object is in.
func (e *evaluator) MatchingScopes(item runtime.Object, scopes []corev1.ScopedResourceSelectorRequirement) ([]corev1.ScopedResourceSelectorRequirement, error) {
	out := []corev1.ScopedResourceSelectorRequirement{}
	for _, s := range scopes {
		in, err := e.inScope(s, item)
		if err != nil {
			return out, err
		}
		if in {
			out = append(out, s)
		}
	}
	return out, nil
}

// UncoveredQuotaScopes returns the scopes that the server limits and no quota of the namespace covers.
func (e *evaluator) UncoveredQuotaScopes(limited, covered []corev1.ScopedResourceSelectorRequirement) ([]corev1.ScopedResourceSelectorRequirement, error) {
	out := []corev1.ScopedResourceSelectorRequirement{}
	for _, l := range limited {
		found := false
		for _, c := range covered {
			found = found || l.ScopeName == c.ScopeName
		}
		if !found {
			out = append(out, l)
		}
	}
	return out, nil
}

func one() resource.Quantity { return *resource.NewQuantity(1, resource.DecimalSI) }

// among returns the names that are in the list or that also accepts.
func among(list []corev1.ResourceName, also func(corev1.ResourceName) bool) func([]corev1.ResourceName) []corev1.ResourceName {
	return func(all []corev1.ResourceName) []corev1.ResourceName {
		out := quota.Intersection(all, list)
		for _, name := range all {
			if also != nil && also(name) && !quota.Contains(out, name) {
				out = append(out, name)
			}
		}
		return out
	}
}

// created reports whether an object itself, and not a view of it, is created.
func created(a admission.Attributes) bool {
	return a.GetSubresource() == "" && a.GetOperation() == admission.Create
}

// written is created or updated.
func written(a admission.Attributes) bool {
	return a.GetSubresource() == "" && (a.GetOperation() == admission.Create || a.GetOperation() == admission.Update)
}
