package core

import (
	"fmt"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/proa-sh/proa/staging/apirules/meta"
)

// SetLimitRangeDefaults makes the default limits of containers the maximum, and the default requests the default limits
// or else the minimum, where they are not given.
func SetLimitRangeDefaults(l *v1.LimitRange) {
	for i := range l.Spec.Limits {
		item := &l.Spec.Limits[i]
		for _, list := range []v1.ResourceList{item.Max, item.Min, item.Default, item.DefaultRequest, item.MaxLimitRequestRatio} {
			roundResources(list)
		}
		if item.Type != v1.LimitTypeContainer {
			continue
		}
		if item.Default == nil {
			item.Default = v1.ResourceList{}
		}
		if item.DefaultRequest == nil {
			item.DefaultRequest = v1.ResourceList{}
		}
		complete(item.Default, item.Max)
		complete(item.DefaultRequest, item.Default)
		complete(item.DefaultRequest, item.Min)
	}
}

// complete adds what a list lacks.
func complete(list, from v1.ResourceList) {
	for name, q := range from {
		if _, ok := list[name]; !ok {
			list[name] = q.DeepCopy()
		}
	}
}

// ValidateLimitRangeUpdate reports faults of a limit range that is to replace old.
func ValidateLimitRangeUpdate(newL, old *v1.LimitRange) field.ErrorList {
	return append(meta.Update(&newL.ObjectMeta, &old.ObjectMeta), ValidateLimitRange(newL)...)
}

// ValidateLimitRange reports faults of a new limit range: one item for each type, with bounds in their order.
func ValidateLimitRange(l *v1.LimitRange) field.ErrorList {
	errs := meta.Namespaced(&l.ObjectMeta, meta.SubdomainName)
	p := field.NewPath("spec", "limits")
	seen := sets.New[v1.LimitType]()
	for i := range l.Spec.Limits {
		item, ip := &l.Spec.Limits[i], p.Index(i)
		errs = append(errs, limitType(item.Type, ip.Child("type"))...)
		if seen.Has(item.Type) {
			errs = append(errs, field.Duplicate(ip.Child("type"), item.Type))
		}
		seen.Insert(item.Type)
		errs = append(errs, limitItem(item, ip)...)
	}
	return errs
}

func limitType(t v1.LimitType, p *field.Path) field.ErrorList {
	errs := meta.QualifiedName(string(t), p)
	standard := t == v1.LimitTypePod || t == v1.LimitTypeContainer || t == v1.LimitTypePersistentVolumeClaim
	if len(errs) == 0 && !hasDomain(string(t)) && !standard {
		errs = append(errs, field.Invalid(p, t, "must be a standard limit type or fully qualified"))
	}
	return errs
}

func limitItem(item *v1.LimitRangeItem, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	names := sets.New[v1.ResourceName]()
	list := func(l v1.ResourceList, name string, forbidden bool, words string) {
		if forbidden && len(l) > 0 {
			errs = append(errs, field.Forbidden(p.Child(name), words))
			return
		}
		for _, n := range sortedNames(l) {
			names.Insert(n)
			errs = append(errs, limitResourceName(item.Type, n, p.Child(name).Key(string(n)))...)
		}
	}
	list(item.Max, "max", false, "")
	list(item.Min, "min", false, "")
	pod := item.Type == v1.LimitTypePod
	list(item.Default, "default", pod, "may not be specified when `type` is 'Pod'")
	list(item.DefaultRequest, "defaultRequest", pod, "may not be specified when `type` is 'Pod'")
	if item.Type == v1.LimitTypePersistentVolumeClaim {
		_, hasMin := item.Min[v1.ResourceStorage]
		_, hasMax := item.Max[v1.ResourceStorage]
		if !hasMin && !hasMax {
			errs = append(errs, field.Required(field.NewPath("spec", "limits"), "either minimum or maximum storage value is required, but neither was provided"))
		}
	}
	for _, n := range sortedNames(item.MaxLimitRequestRatio) {
		names.Insert(n)
		errs = append(errs, limitResourceName(item.Type, n, p.Child("maxLimitRequestRatio").Key(string(n)))...)
	}
	for _, n := range sets.List(names) {
		errs = append(errs, limitOrder(item, n, p)...)
	}
	return errs
}

func limitResourceName(t v1.LimitType, name v1.ResourceName, p *field.Path) field.ErrorList {
	if t == v1.LimitTypePod || t == v1.LimitTypeContainer {
		return containerResourceName(name, p)
	}
	return resourceName(name, p)
}

// bound is one of the amounts of a resource in an item, if it is given.
type bound struct {
	name, words string
	list        v1.ResourceList
}

// limitOrder wants min <= default request <= default <= max, and a ratio that leaves room between min and max.
func limitOrder(item *v1.LimitRangeItem, name v1.ResourceName, p *field.Path) field.ErrorList {
	order := []bound{{"min", "min", item.Min}, {"defaultRequest", "default request", item.DefaultRequest}, {"default", "default", item.Default}, {"max", "max", item.Max}}
	var errs field.ErrorList
	for i, low := range order {
		a, ok := low.list[name]
		if !ok {
			continue
		}
		for _, high := range order[i+1:] {
			if b, ok := high.list[name]; ok && a.Cmp(b) > 0 {
				errs = append(errs, field.Invalid(p.Child(low.name).Key(string(name)), a.String(),
					fmt.Sprintf("%s value %s is greater than %s value %s", low.words, a.String(), high.words, b.String())))
			}
		}
	}
	errs = append(errs, limitRatio(item, name, p.Child("maxLimitRequestRatio").Key(string(name)))...)
	request, hasRequest := item.DefaultRequest[name]
	limit, hasLimit := item.Default[name]
	if !overcommitAllowed(name) && hasRequest && hasLimit && request.Cmp(limit) != 0 {
		errs = append(errs, field.Invalid(p.Child("defaultRequest").Key(string(name)), request.String(),
			fmt.Sprintf("default value %s must equal to defaultRequest value %s in limit type %s", limit.String(), request.String(), item.Type)))
	}
	return errs
}

func limitRatio(item *v1.LimitRangeItem, name v1.ResourceName, p *field.Path) field.ErrorList {
	ratio, ok := item.MaxLimitRequestRatio[name]
	if !ok {
		return nil
	}
	if ratio.Cmp(*resource.NewQuantity(1, resource.DecimalSI)) < 0 {
		return field.ErrorList{field.Invalid(p, ratio.String(), fmt.Sprintf("ratio %s is less than 1", ratio.String()))}
	}
	least, hasMin := item.Min[name]
	most, hasMax := item.Max[name]
	if !hasMin || !hasMax || least.AsApproximateFloat64() <= 0 {
		return nil
	}
	if room := most.AsApproximateFloat64() / least.AsApproximateFloat64(); ratio.AsApproximateFloat64() > room {
		return field.ErrorList{field.Invalid(p, ratio.String(), fmt.Sprintf("ratio %s is greater than max/min = %f", ratio.String(), room))}
	}
	return nil
}
