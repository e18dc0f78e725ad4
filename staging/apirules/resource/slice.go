package resource

import (
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	apimachineryresource "k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"github.com/proa-sh/proa/staging/apirules/core"
	"github.com/proa-sh/proa/staging/apirules/meta"
)

// ValidateResourceSlice reports faults of a new slice.
func ValidateResourceSlice(s *resourcev1.ResourceSlice) field.ErrorList {
	errs := meta.ClusterScoped(&s.ObjectMeta, meta.SubdomainName)
	return append(errs, sliceSpec(&s.Spec, field.NewPath("spec"))...)
}

// ValidateResourceSliceUpdate reports faults of a slice that is to replace old; its driver, pool and node stay.
func ValidateResourceSliceUpdate(newS, old *resourcev1.ResourceSlice) field.ErrorList {
	errs := append(meta.Update(&newS.ObjectMeta, &old.ObjectMeta), ValidateResourceSlice(newS)...)
	p := field.NewPath("spec")
	errs = append(errs, meta.Immutable(newS.Spec.Driver, old.Spec.Driver, p.Child("driver"))...)
	errs = append(errs, meta.Immutable(newS.Spec.Pool.Name, old.Spec.Pool.Name, p.Child("pool", "name"))...)
	return append(errs, meta.Immutable(newS.Spec.NodeName, old.Spec.NodeName, p.Child("nodeName"))...)
}

func sliceSpec(s *resourcev1.ResourceSliceSpec, p *field.Path) field.ErrorList {
	errs := driverName(s.Driver, p.Child("driver"))
	pool := p.Child("pool")
	errs = append(errs, poolName(s.Pool.Name, pool.Child("name"))...)
	if s.Pool.ResourceSliceCount <= 0 {
		errs = append(errs, field.Invalid(pool.Child("resourceSliceCount"), s.Pool.ResourceSliceCount, "must be greater than zero"))
	}
	errs = append(errs, meta.NonNegative(s.Pool.Generation, pool.Child("generation"))...)
	errs = append(errs, nodeSelection(s.NodeName, s.NodeSelector, s.AllNodes, s.PerDeviceNodeSelection, p)...)
	limit := resourcev1.ResourceSliceMaxDevices
	if slices.ContainsFunc(s.Devices, func(d resourcev1.Device) bool { return len(d.Taints)+len(d.ConsumesCounters) > 0 }) {
		limit = resourcev1.ResourceSliceMaxDevicesWithAdvancedFeatures
	}
	errs = append(errs, atMost(len(s.Devices), limit, p.Child("devices"))...)
	seen := sets.New[string]()
	for i := range s.Devices {
		at := p.Child("devices").Index(i)
		errs = append(errs, once(seen, s.Devices[i].Name, at.Child("name"))...)
		errs = append(errs, device(&s.Devices[i], ptr.Deref(s.PerDeviceNodeSelection, false), at)...)
	}
	if len(s.Devices) > 0 && len(s.SharedCounters) > 0 {
		errs = append(errs, field.Invalid(p, nil, "only one of `sharedCounters` or `devices` is allowed"))
	}
	return append(errs, counterSets(s.SharedCounters, p.Child("sharedCounters"))...)
}

// nodeSelection wants exactly one way to say which nodes devices are for.
func nodeSelection(name *string, selector *corev1.NodeSelector, all, perDevice *bool, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	var set []string
	if name != nil {
		set = append(set, "nodeName")
		errs = append(errs, meta.DNSSubdomain(*name, p.Child("nodeName"))...)
	}
	if selector != nil {
		set = append(set, "nodeSelector")
		errs = append(errs, core.NodeSelector(selector, false, p.Child("nodeSelector"))...)
		if len(selector.NodeSelectorTerms) != 1 {
			errs = append(errs, field.Invalid(p.Child("nodeSelector", "nodeSelectorTerms"), selector.NodeSelectorTerms, "must have exactly one node selector term"))
		}
	}
	for _, b := range []struct {
		name  string
		value *bool
	}{{"allNodes", all}, {"perDeviceNodeSelection", perDevice}} {
		if b.value != nil && !*b.value {
			errs = append(errs, field.Invalid(p.Child(b.name), *b.value, "must be either unset or set to true"))
		} else if b.value != nil {
			set = append(set, b.name)
		}
	}
	switch len(set) {
	case 0:
		errs = append(errs, field.Required(p, "exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required"))
	case 1:
	default:
		errs = append(errs, field.Invalid(p, fmt.Sprintf("{%v}", set), "exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required, but multiple fields are set"))
	}
	return errs
}

func device(d *resourcev1.Device, ownNodes bool, p *field.Path) field.ErrorList {
	errs := meta.DNSLabel(d.Name, p.Child("name"))
	if ownNodes {
		errs = append(errs, nodeSelection(d.NodeName, d.NodeSelector, d.AllNodes, nil, p)...)
	} else if d.NodeName != nil || d.NodeSelector != nil || d.AllNodes != nil {
		errs = append(errs, field.Invalid(p, nil, "`nodeName`, `nodeSelector` and `allNodes` can only be set if `perDeviceNodeSelection` is true in the ResourceSlice spec"))
	}
	errs = append(errs, atMost(len(d.Attributes)+len(d.Capacity), resourcev1.ResourceSliceMaxAttributesAndCapacitiesPerDevice, p)...)
	for _, name := range slices.Sorted(maps.Keys(d.Attributes)) {
		at, a := p.Child("attributes").Key(string(name)), d.Attributes[name]
		errs = append(errs, qualified(string(name), at)...)
		errs = append(errs, attribute(&a, at)...)
	}
	for _, name := range slices.Sorted(maps.Keys(d.Capacity)) {
		at, c := p.Child("capacity").Key(string(name)), d.Capacity[name]
		errs = append(errs, qualified(string(name), at)...)
		if c.RequestPolicy != nil && !ptr.Deref(d.AllowMultipleAllocations, false) {
			errs = append(errs, field.Forbidden(at.Child("requestPolicy"), "allowMultipleAllocations must be true"))
		}
	}
	errs = append(errs, taints(d.Taints, p.Child("taints"))...)
	errs = append(errs, consumption(d.ConsumesCounters, p.Child("consumesCounters"))...)
	errs = append(errs, conditionTypes(d.BindingConditions, resourcev1.BindingConditionsMaxSize, p.Child("bindingConditions"))...)
	return append(errs, conditionTypes(d.BindingFailureConditions, resourcev1.BindingFailureConditionsMaxSize, p.Child("bindingFailureConditions"))...)
}

func attribute(a *resourcev1.DeviceAttribute, p *field.Path) field.ErrorList {
	set := 0
	for _, is := range []bool{a.IntValue != nil, a.BoolValue != nil, a.StringValue != nil, a.VersionValue != nil,
		a.IntValues != nil, a.BoolValues != nil, a.StringValues != nil, a.VersionValues != nil} {
		if is {
			set++
		}
	}
	switch {
	case set == 0:
		return field.ErrorList{field.Required(p, "exactly one value must be specified")}
	case set > 1:
		return field.ErrorList{field.Invalid(p, nil, "exactly one value must be specified")}
	}
	var errs field.ErrorList
	text := func(s string, version bool, p *field.Path) {
		if len(s) > resourcev1.DeviceAttributeMaxValueLength {
			errs = append(errs, field.TooLong(p, "", resourcev1.DeviceAttributeMaxValueLength))
		} else if version && !semantic(s) {
			errs = append(errs, field.Invalid(p, s, "must be a string compatible with semver.org spec 2.0.0"))
		}
	}
	if a.StringValue != nil {
		text(*a.StringValue, false, p.Child("string"))
	}
	if a.VersionValue != nil {
		text(*a.VersionValue, true, p.Child("version"))
	}
	for i, s := range a.StringValues {
		text(s, false, p.Child("strings").Index(i))
	}
	for i, s := range a.VersionValues {
		text(s, true, p.Child("versions").Index(i))
	}
	return errs
}

func taints(all []resourcev1.DeviceTaint, p *field.Path) field.ErrorList {
	errs := atMost(len(all), resourcev1.DeviceTaintsMaxLength, p)
	for i, t := range all {
		at := p.Index(i)
		errs = append(errs, meta.Required(t.Key, at.Child("key"))...)
		errs = append(errs, meta.QualifiedName(t.Key, at.Child("key"))...)
		errs = append(errs, meta.Invalid(t.Value, at.Child("value"), validation.IsValidLabelValue(t.Value))...)
		errs = append(errs, meta.OneOf(t.Effect, at.Child("effect"), effects()...)...)
	}
	return errs
}

func counterSets(all []resourcev1.CounterSet, p *field.Path) field.ErrorList {
	errs := atMost(len(all), resourcev1.ResourceSliceMaxCounterSets, p)
	seen := sets.New[string]()
	for i := range all {
		at := p.Index(i)
		errs = append(errs, meta.DNSLabel(all[i].Name, at.Child("name"))...)
		errs = append(errs, once(seen, all[i].Name, at.Child("name"))...)
		errs = append(errs, counters(all[i].Counters, resourcev1.ResourceSliceMaxCountersPerCounterSet, at.Child("counters"))...)
	}
	return errs
}

func consumption(all []resourcev1.DeviceCounterConsumption, p *field.Path) field.ErrorList {
	errs := atMost(len(all), resourcev1.ResourceSliceMaxDeviceCounterConsumptionsPerDevice, p)
	seen := sets.New[string]()
	for i := range all {
		at := p.Index(i)
		errs = append(errs, meta.DNSLabel(all[i].CounterSet, at.Child("counterSet"))...)
		errs = append(errs, once(seen, all[i].CounterSet, at.Child("counterSet"))...)
		errs = append(errs, counters(all[i].Counters, resourcev1.ResourceSliceMaxCountersPerDeviceCounterConsumption, at.Child("counters"))...)
	}
	return errs
}

func counters(all map[string]resourcev1.Counter, limit int, p *field.Path) field.ErrorList {
	if len(all) == 0 {
		return field.ErrorList{field.Required(p, "")}
	}
	errs := atMost(len(all), limit, p)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		errs = append(errs, meta.DNSLabel(name, p.Key(name))...)
		if value := all[name].Value; value.Cmp(apimachineryresource.Quantity{}) < 0 {
			errs = append(errs, field.Invalid(p.Key(name).Child("value"), value.String(), meta.MustBeNonNegative))
		}
	}
	return errs
}

func conditionTypes(all []string, limit int, p *field.Path) field.ErrorList {
	errs := atMost(len(all), limit, p)
	for i, c := range all {
		errs = append(errs, meta.QualifiedName(c, p.Index(i))...)
	}
	return errs
}
