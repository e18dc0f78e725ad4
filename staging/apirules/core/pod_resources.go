package core

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	resourcehelper "k8s.io/component-helpers/resource"

	"github.com/proa-sh/proa/staging/apirules/meta"
)

// sortedNames gives errors about a resource list a fixed order.
func sortedNames(l v1.ResourceList) []v1.ResourceName { return slices.Sorted(maps.Keys(l)) }

// containerResources rules the limits, requests and claims of one container.
func (r *podRules) containerResources(req *v1.ResourceRequirements, p *field.Path) field.ErrorList {
	errs := r.requirements(req, p, containerResourceName)
	claims := sets.New[string]()
	for i, c := range req.Claims {
		errs = append(errs, r.claimUse(c, claims, p.Child("claims").Index(i))...)
	}
	return errs
}

// claimUse rules a container's use of a claim: it is declared by the pod, and used whole or by request, not both.
func (r *podRules) claimUse(c v1.ResourceClaim, seen sets.Set[string], p *field.Path) field.ErrorList {
	if c.Name == "" {
		return field.ErrorList{field.Required(p, "")}
	}
	var errs field.ErrorList
	key := c.Name
	if c.Request != "" {
		errs = append(errs, meta.DNSLabel(c.Request, p.Child("request"))...)
		key += "/" + c.Request
	}
	if seen.Has(key) {
		errs = append(errs, field.Duplicate(p, key))
	} else if c.Request != "" && seen.Has(c.Name) || c.Request == "" && hasPrefix(seen, c.Name+"/") {
		errs = append(errs, field.Duplicate(p, key))
	}
	seen.Insert(key)
	if !r.claims.Has(c.Name) {
		errs = append(errs, field.NotFound(p, c.Name))
	}
	return errs
}

func hasPrefix(s sets.Set[string], prefix string) bool {
	for k := range s {
		if strings.HasPrefix(k, prefix) {
			return true
		}
	}
	return false
}

// requirements rules limits and requests, each alone and against each other.
func (r *podRules) requirements(req *v1.ResourceRequirements, p *field.Path, nameRule func(v1.ResourceName, *field.Path) field.ErrorList) field.ErrorList {
	var errs field.ErrorList
	computes, huge := false, false
	lp, rp := p.Child("limits"), p.Child("requests")
	each := func(name v1.ResourceName, q resource.Quantity, np *field.Path) {
		errs = append(errs, nameRule(name, np)...)
		errs = append(errs, resourceQuantity(name, q, np)...)
		if isHugePage(name) {
			huge = true
			if !r.tolerance.hugePages && !divisibleHugePages(name, q) {
				errs = append(errs, field.Invalid(np, q.String(), "must be a multiple of page size"))
			}
		}
		computes = computes || name == v1.ResourceCPU || name == v1.ResourceMemory
	}
	for _, name := range sortedNames(req.Limits) {
		each(name, req.Limits[name], lp.Key(string(name)))
	}
	for _, name := range sortedNames(req.Requests) {
		q, np := req.Requests[name], rp.Key(string(name))
		each(name, q, np)
		errs = append(errs, requestAgainstLimit(name, q, req.Limits, np, lp)...)
	}
	if huge && !computes {
		errs = append(errs, field.Forbidden(p, "HugePages require cpu or memory"))
	}
	return errs
}

func requestAgainstLimit(name v1.ResourceName, q resource.Quantity, limits v1.ResourceList, p, limitsPath *field.Path) field.ErrorList {
	limit, ok := limits[name]
	switch {
	case ok && !overcommitAllowed(name) && q.Cmp(limit) != 0:
		return field.ErrorList{field.Invalid(p, q.String(), fmt.Sprintf("must be equal to %s limit of %s", name, limit.String()))}
	case ok && q.Cmp(limit) > 0:
		return field.ErrorList{field.Invalid(p, q.String(), fmt.Sprintf("must be less than or equal to %s limit of %s", name, limit.String()))}
	case !ok && !overcommitAllowed(name):
		return field.ErrorList{field.Required(limitsPath, "Limit must be set for non overcommitable resources")}
	}
	return nil
}

// resourceName rules a name that may stand in any resource list.
func resourceName(name v1.ResourceName, p *field.Path) field.ErrorList {
	errs := meta.Invalid(name, p, validation.IsQualifiedName(string(name)))
	if len(errs) == 0 && !strings.Contains(string(name), "/") && !isStandard(name) {
		errs = append(errs, field.Invalid(p, name, "must be a standard resource type or fully qualified"))
	}
	return errs
}

// containerResourceName rules a name that a container may ask for.
func containerResourceName(name v1.ResourceName, p *field.Path) field.ErrorList {
	errs := resourceName(name, p)
	switch {
	case !strings.Contains(string(name), "/"):
		if !isContainerResource(name) {
			errs = append(errs, field.Invalid(p, name, "must be a standard resource for containers"))
		}
	case !isNative(name) && !isExtended(name):
		errs = append(errs, field.Invalid(p, name, "doesn't follow extended resource name standard"))
	}
	return errs
}

// resourceQuantity rules an amount: not negative, and whole for what is counted in pieces.
func resourceQuantity(name v1.ResourceName, q resource.Quantity, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	if q.Sign() < 0 {
		errs = append(errs, field.Invalid(p, q.String(), meta.MustBeNonNegative))
	}
	if isInteger(name) && q.MilliValue()%1000 != 0 {
		errs = append(errs, field.Invalid(p, q, "must be an integer"))
	}
	return errs
}

// divisibleHugePages tells whether an amount is a whole number of pages of the size in the name.
func divisibleHugePages(name v1.ResourceName, q resource.Quantity) bool {
	size, err := resource.ParseQuantity(strings.TrimPrefix(string(name), v1.ResourceHugePagesPrefix))
	if err != nil || size.Sign() <= 0 || size.Value() == 0 {
		return true // the name is judged elsewhere
	}
	return q.Value()%size.Value() == 0
}

func podLevelResourceName(name v1.ResourceName, p *field.Path) field.ErrorList {
	if resourcehelper.IsSupportedPodLevelResource(name) {
		return nil
	}
	return field.ErrorList{field.NotSupported(p, name, sets.List(resourcehelper.SupportedPodLevelResources()))}
}

// podResources rules resources of the pod as a whole (KEP-2837): they hold what the containers ask for together.
func (r *podRules) podResources(specPath *field.Path) field.ErrorList {
	req, p := r.spec.Resources, specPath.Child("resources")
	if req == nil {
		return nil
	}
	var errs field.ErrorList
	if r.spec.OS != nil && r.spec.OS.Name == v1.Windows {
		errs = append(errs, field.Forbidden(p, "may not be set for a windows pod"))
	}
	if len(req.Claims) > 0 {
		errs = append(errs, field.Forbidden(p.Child("claims"), "claims may not be set for Resources at pod-level"))
	}
	errs = append(errs, r.requirements(req, p, podLevelResourceName)...)
	pod := &v1.Pod{Spec: *r.spec}
	sums := resourcehelper.AggregateContainerRequests(pod, resourcehelper.PodResourcesOptions{})
	for _, name := range sortedNames(sums) {
		sum := sums[name]
		if q, ok := req.Requests[name]; ok && resourcehelper.IsSupportedPodLevelResource(name) && sum.Cmp(q) > 0 {
			errs = append(errs, field.Invalid(p.Child("requests").Key(string(name)), q.String(),
				fmt.Sprintf("must be greater than or equal to aggregate container requests of %s", sum.String())))
		}
	}
	errs = append(errs, r.hugePageSums(pod, p)...)
	return append(errs, r.containerLimitsWithinPod(specPath)...)
}

// hugePageSums holds pod-level huge page limits to at least the containers' sum, as they cannot be overcommitted.
func (r *podRules) hugePageSums(pod *v1.Pod, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	limits := r.spec.Resources.Limits
	sums := resourcehelper.AggregateContainerLimits(pod, resourcehelper.PodResourcesOptions{})
	for _, name := range sortedNames(sums) {
		sum := sums[name]
		if q, ok := limits[name]; ok && isHugePage(name) && sum.Cmp(q) > 0 {
			errs = append(errs, field.Invalid(p.Child("limits").Key(string(name)), q.String(),
				fmt.Sprintf("must be greater than or equal to aggregate container limits of %s", sum.String())))
		}
	}
	return errs
}

// containerLimitsWithinPod holds each container's limits to at most the pod's.
func (r *podRules) containerLimitsWithinPod(specPath *field.Path) field.ErrorList {
	var errs field.ErrorList
	check := func(containers []v1.Container, p *field.Path) {
		for i := range containers {
			limits := containers[i].Resources.Limits
			for _, name := range sortedNames(limits) {
				q := limits[name]
				if podLimit, ok := r.spec.Resources.Limits[name]; ok && q.Cmp(podLimit) > 0 {
					errs = append(errs, field.Invalid(p.Index(i).Child("resources", "limits").Key(string(name)), q.String(),
						fmt.Sprintf("must be less than or equal to pod limits of %s", podLimit.String())))
				}
			}
		}
	}
	check(r.spec.Containers, specPath.Child("containers"))
	check(r.spec.InitContainers, specPath.Child("initContainers"))
	return errs
}

// resizePolicy rules what a change of a resource does to the container (KEP-1287).
func (r *podRules) resizePolicy(c *v1.Container, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	seen := sets.New[v1.ResourceName]()
	for i, policy := range c.ResizePolicy {
		if seen.Has(policy.ResourceName) {
			errs = append(errs, field.Duplicate(p.Index(i), policy.ResourceName))
		}
		seen.Insert(policy.ResourceName)
		if policy.ResourceName == "" {
			errs = append(errs, field.Required(p, ""))
		} else {
			errs = append(errs, meta.In(policy.ResourceName, p, v1.ResourceCPU, v1.ResourceMemory)...)
		}
		if policy.RestartPolicy == "" {
			errs = append(errs, field.Required(p, ""))
		} else {
			errs = append(errs, meta.In(policy.RestartPolicy, p, v1.NotRequired, v1.RestartContainer)...)
		}
		if r.spec.RestartPolicy == v1.RestartPolicyNever && !isSidecar(c) && policy.RestartPolicy != v1.NotRequired && len(c.RestartPolicyRules) == 0 && c.RestartPolicy == nil {
			errs = append(errs, field.Invalid(p, policy.RestartPolicy, "must be 'NotRequired' when `restartPolicy` is 'Never'"))
		}
	}
	return errs
}

// resourceClaims rules the claims that a pod declares (KEP-4381).
func (r *podRules) resourceClaims(p *field.Path) field.ErrorList {
	r.claims = sets.New[string]()
	var errs field.ErrorList
	for i := range r.spec.ResourceClaims {
		c, cp := &r.spec.ResourceClaims[i], p.Index(i)
		switch {
		case c.Name == "":
			errs = append(errs, field.Required(cp.Child("name"), ""))
		case r.claims.Has(c.Name):
			errs = append(errs, duplicateName(cp, c.Name))
		default:
			errs = append(errs, meta.DNSLabel(c.Name, cp.Child("name"))...)
			r.claims.Insert(c.Name)
		}
		errs = append(errs, claimSource(c, cp)...)
	}
	return errs
}

func claimSource(c *v1.PodResourceClaim, p *field.Path) field.ErrorList {
	const words = "must specify exactly one of: `resourceClaimName`, `resourceClaimTemplateName`"
	switch {
	case c.ResourceClaimName != nil && c.ResourceClaimTemplateName != nil:
		return field.ErrorList{field.Invalid(p, *c, "at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified")}
	case c.ResourceClaimName == nil && c.ResourceClaimTemplateName == nil:
		return field.ErrorList{field.Invalid(p, *c, words)}
	case c.ResourceClaimName != nil:
		return meta.Invalid(*c.ResourceClaimName, p.Child("resourceClaimName"), validation.IsDNS1123Subdomain(*c.ResourceClaimName))
	default:
		return meta.Invalid(*c.ResourceClaimTemplateName, p.Child("resourceClaimTemplateName"), validation.IsDNS1123Subdomain(*c.ResourceClaimTemplateName))
	}
}
