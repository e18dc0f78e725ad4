package resource

import (
	"fmt"
	"strings"

	resourcev1 "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/proa-sh/proa/staging/apirules/meta"
)

// SetResourceClaimDefaults fills allocation modes, counts and operators.
func SetResourceClaimDefaults(c *resourcev1.ResourceClaim) {
	defaultRequests(&c.Spec)
	if c.Status.Allocation != nil {
		for i := range c.Status.Allocation.Devices.Results {
			defaultTolerations(c.Status.Allocation.Devices.Results[i].Tolerations)
		}
	}
}

// SetResourceClaimTemplateDefaults is SetResourceClaimDefaults for a template.
func SetResourceClaimTemplateDefaults(t *resourcev1.ResourceClaimTemplate) {
	defaultRequests(&t.Spec.Spec)
}

func defaultRequests(s *resourcev1.ResourceClaimSpec) {
	for i := range s.Devices.Requests {
		r := &s.Devices.Requests[i]
		if e := r.Exactly; e != nil {
			defaultMode(&e.AllocationMode, &e.Count)
			defaultTolerations(e.Tolerations)
		}
		for j := range r.FirstAvailable {
			sub := &r.FirstAvailable[j]
			defaultMode(&sub.AllocationMode, &sub.Count)
			defaultTolerations(sub.Tolerations)
		}
	}
}

func defaultMode(mode *resourcev1.DeviceAllocationMode, count *int64) {
	if *mode == "" {
		*mode = resourcev1.DeviceAllocationModeExactCount
	}
	if *mode == resourcev1.DeviceAllocationModeExactCount && *count == 0 {
		*count = 1
	}
}

func defaultTolerations(tolerations []resourcev1.DeviceToleration) {
	for i := range tolerations {
		if tolerations[i].Operator == "" {
			tolerations[i].Operator = resourcev1.DeviceTolerationOpEqual
		}
	}
}

// ValidateResourceClaim reports faults of a new claim.
func ValidateResourceClaim(c *resourcev1.ResourceClaim) field.ErrorList {
	errs := meta.Namespaced(&c.ObjectMeta, meta.SubdomainName)
	return append(errs, claimSpec(&c.Spec, field.NewPath("spec"))...)
}

// ValidateResourceClaimUpdate reports faults of a claim that is to replace old; its spec stays.
func ValidateResourceClaimUpdate(newC, old *resourcev1.ResourceClaim) field.ErrorList {
	errs := meta.Update(&newC.ObjectMeta, &old.ObjectMeta)
	return append(errs, meta.Immutable(newC.Spec, old.Spec, field.NewPath("spec"))...)
}

// ValidateResourceClaimTemplate reports faults of a new template.
func ValidateResourceClaimTemplate(t *resourcev1.ResourceClaimTemplate) field.ErrorList {
	errs := meta.Namespaced(&t.ObjectMeta, meta.SubdomainName)
	p := field.NewPath("spec")
	errs = append(errs, meta.Labels(t.Spec.Labels, p.Child("metadata", "labels"))...)
	errs = append(errs, meta.Annotations(t.Spec.Annotations, p.Child("metadata", "annotations"))...)
	return append(errs, claimSpec(&t.Spec.Spec, p.Child("spec"))...)
}

// ValidateResourceClaimTemplateUpdate reports faults of a template that is to replace old; its spec stays.
func ValidateResourceClaimTemplateUpdate(newT, old *resourcev1.ResourceClaimTemplate) field.ErrorList {
	errs := meta.Update(&newT.ObjectMeta, &old.ObjectMeta)
	return append(errs, meta.Immutable(newT.Spec, old.Spec, field.NewPath("spec"))...)
}

func claimSpec(s *resourcev1.ResourceClaimSpec, p *field.Path) field.ErrorList {
	d, p := &s.Devices, p.Child("devices")
	names := requestNames(d.Requests)
	errs := atMost(len(d.Requests), resourcev1.DeviceRequestsMaxSize, p.Child("requests"))
	seen := sets.New[string]()
	for i := range d.Requests {
		at := p.Child("requests").Index(i)
		errs = append(errs, once(seen, d.Requests[i].Name, at.Child("name"))...)
		errs = append(errs, request(&d.Requests[i], at)...)
	}
	errs = append(errs, atMost(len(d.Constraints), resourcev1.DeviceConstraintsMaxSize, p.Child("constraints"))...)
	for i := range d.Constraints {
		errs = append(errs, constraint(&d.Constraints[i], names, p.Child("constraints").Index(i))...)
	}
	errs = append(errs, atMost(len(d.Config), resourcev1.DeviceConfigMaxSize, p.Child("config"))...)
	for i := range d.Config {
		at := p.Child("config").Index(i)
		errs = append(errs, references(d.Config[i].Requests, names, at.Child("requests"))...)
		errs = append(errs, configuration(&d.Config[i].DeviceConfiguration, at)...)
	}
	return errs
}

// requestNames returns what requests can be referred to by: their names, and those of alternatives as request/alternative.
func requestNames(requests []resourcev1.DeviceRequest) sets.Set[string] {
	names := sets.New[string]()
	for _, r := range requests {
		names.Insert(r.Name)
		for _, sub := range r.FirstAvailable {
			names.Insert(r.Name + "/" + sub.Name)
		}
	}
	return names
}

func request(r *resourcev1.DeviceRequest, p *field.Path) field.ErrorList {
	errs := meta.DNSLabel(r.Name, p.Child("name"))
	switch {
	case r.Exactly != nil && len(r.FirstAvailable) > 0:
		errs = append(errs, field.Invalid(p, nil, "exactly one of `exactly` or `firstAvailable` must be specified"))
	case r.Exactly == nil && len(r.FirstAvailable) == 0:
		errs = append(errs, field.Required(p, "exactly one of `exactly` or `firstAvailable` is required"))
	}
	if e := r.Exactly; e != nil {
		errs = append(errs, devices(e.DeviceClassName, e.Selectors, e.AllocationMode, e.Count, e.Tolerations, p.Child("exactly"))...)
	}
	errs = append(errs, atMost(len(r.FirstAvailable), resourcev1.FirstAvailableDeviceRequestMaxSize, p.Child("firstAvailable"))...)
	seen := sets.New[string]()
	for i := range r.FirstAvailable {
		sub, at := &r.FirstAvailable[i], p.Child("firstAvailable").Index(i)
		errs = append(errs, meta.DNSLabel(sub.Name, at.Child("name"))...)
		errs = append(errs, once(seen, sub.Name, at.Child("name"))...)
		errs = append(errs, devices(sub.DeviceClassName, sub.Selectors, sub.AllocationMode, sub.Count, sub.Tolerations, at)...)
	}
	return errs
}

// devices rules what a request and its alternatives have in common.
func devices(class string, selectors []resourcev1.DeviceSelector, mode resourcev1.DeviceAllocationMode, count int64, tolerations []resourcev1.DeviceToleration, p *field.Path) field.ErrorList {
	errs := meta.DNSSubdomain(class, p.Child("deviceClassName"))
	errs = append(errs, deviceSelectors(selectors, p.Child("selectors"))...)
	switch mode {
	case resourcev1.DeviceAllocationModeAll:
		if count != 0 {
			errs = append(errs, field.Invalid(p.Child("count"), count, fmt.Sprintf("must not be specified when allocationMode is '%s'", mode)))
		}
	case resourcev1.DeviceAllocationModeExactCount:
		errs = append(errs, meta.Positive(count, p.Child("count"))...)
	default:
		errs = append(errs, meta.In(mode, p.Child("allocationMode"), resourcev1.DeviceAllocationModeAll, resourcev1.DeviceAllocationModeExactCount)...)
	}
	errs = append(errs, atMost(len(tolerations), resourcev1.DeviceTolerationsMaxLength, p.Child("tolerations"))...)
	for i := range tolerations {
		errs = append(errs, toleration(&tolerations[i], p.Child("tolerations").Index(i))...)
	}
	return errs
}

func toleration(t *resourcev1.DeviceToleration, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	if t.Key != "" {
		errs = append(errs, meta.QualifiedName(t.Key, p.Child("key"))...)
	}
	switch t.Operator {
	case resourcev1.DeviceTolerationOpExists:
		if t.Value != "" {
			errs = append(errs, field.Invalid(p.Child("value"), t.Value, "must be empty for operator `Exists`"))
		}
	case resourcev1.DeviceTolerationOpEqual:
		if t.Key == "" {
			errs = append(errs, field.Required(p.Child("key"), "required for operator `Equal`"))
		}
		errs = append(errs, meta.Invalid(t.Value, p.Child("value"), validation.IsValidLabelValue(t.Value))...)
	default:
		errs = append(errs, meta.In(t.Operator, p.Child("operator"), resourcev1.DeviceTolerationOpEqual, resourcev1.DeviceTolerationOpExists)...)
	}
	if t.Effect != "" {
		errs = append(errs, meta.In(t.Effect, p.Child("effect"), effects()...)...)
	}
	return errs
}

func effects() []resourcev1.DeviceTaintEffect {
	return []resourcev1.DeviceTaintEffect{resourcev1.DeviceTaintEffectNoExecute, resourcev1.DeviceTaintEffectNoSchedule, resourcev1.DeviceTaintEffectNone}
}

func constraint(c *resourcev1.DeviceConstraint, names sets.Set[string], p *field.Path) field.ErrorList {
	errs := references(c.Requests, names, p.Child("requests"))
	switch {
	case c.MatchAttribute == nil && c.DistinctAttribute == nil:
		errs = append(errs, field.Required(p, "exactly one field must be set"))
	case c.MatchAttribute != nil && c.DistinctAttribute != nil:
		errs = append(errs, field.Invalid(p, nil, "exactly one field must be set"))
	}
	if a := c.MatchAttribute; a != nil {
		errs = append(errs, fullyQualified(*a, p.Child("matchAttribute"))...)
	}
	if a := c.DistinctAttribute; a != nil {
		errs = append(errs, fullyQualified(*a, p.Child("distinctAttribute"))...)
	}
	return errs
}

func fullyQualified(n resourcev1.FullyQualifiedName, p *field.Path) field.ErrorList {
	if n != "" && !strings.Contains(string(n), "/") {
		return field.ErrorList{field.Invalid(p, n, "must include a domain")}
	}
	return qualified(string(n), p)
}

// references wants names of requests, each once.
func references(requests []string, names sets.Set[string], p *field.Path) field.ErrorList {
	errs := atMost(len(requests), resourcev1.DeviceRequestsMaxSize, p)
	seen := sets.New[string]()
	for i, r := range requests {
		errs = append(errs, once(seen, r, p.Index(i))...)
		if !names.Has(r) {
			errs = append(errs, field.Invalid(p.Index(i), r, "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'"))
		}
	}
	return errs
}
