package admission

import (
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apiresource "k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/component-helpers/resource"
)

// demand is what an object of one type asks for.
type demand struct {
	kind             corev1.LimitType
	requests, limits corev1.ResourceList
}

// podFaults reports where a pod or one of its containers is out of bounds.
func podFaults(pod *corev1.Pod, l *corev1.LimitRange) []error {
	var faults []error
	for _, item := range l.Spec.Limits {
		switch item.Type {
		case corev1.LimitTypeContainer:
			for _, c := range slices.Concat(pod.Spec.Containers, pod.Spec.InitContainers) {
				d := demand{item.Type, c.Resources.Requests, c.Resources.Limits}
				faults = append(faults, d.faults(&item)...)
			}
		case corev1.LimitTypePod:
			options := resource.PodResourcesOptions{ExcludeOverhead: true}
			d := demand{item.Type, resource.PodRequests(pod, options), resource.PodLimits(pod, options)}
			faults = append(faults, d.faults(&item)...)
		}
	}
	return faults
}

// claimFaults reports where a claim is out of bounds. Claims have requests only.
func claimFaults(claim *corev1.PersistentVolumeClaim, l *corev1.LimitRange) []error {
	var faults []error
	for _, item := range l.Spec.Limits {
		if item.Type != corev1.LimitTypePersistentVolumeClaim {
			continue
		}
		d := demand{kind: item.Type, requests: claim.Spec.Resources.Requests}
		for _, name := range slices.Sorted(maps.Keys(item.Min)) {
			faults = append(faults, d.belowMin(name, item.Min[name])...)
		}
		for _, name := range slices.Sorted(maps.Keys(item.Max)) {
			bound, about := item.Max[name], fmt.Sprintf("maximum %s usage per %s is", name, d.kind)
			faults = append(faults, above(d.requests, name, bound, about, "request", true)...)
		}
	}
	return faults
}

func (d demand) faults(item *corev1.LimitRangeItem) []error {
	var faults []error
	for _, name := range slices.Sorted(maps.Keys(item.Min)) {
		faults = append(faults, d.belowMin(name, item.Min[name])...)
	}
	for _, name := range slices.Sorted(maps.Keys(item.Max)) {
		bound, about := item.Max[name], fmt.Sprintf("maximum %s usage per %s is", name, d.kind)
		if errs := above(d.limits, name, bound, about, "limit", true); len(errs) > 0 {
			faults = append(faults, errs...)
			continue
		}
		faults = append(faults, above(d.requests, name, bound, about, "request", false)...)
	}
	for _, name := range slices.Sorted(maps.Keys(item.MaxLimitRequestRatio)) {
		if err := d.ratio(name, item.MaxLimitRequestRatio[name]); err != nil {
			faults = append(faults, err)
		}
	}
	return faults
}

func (d demand) belowMin(name corev1.ResourceName, bound apiresource.Quantity) []error {
	about := fmt.Sprintf("minimum %s usage per %s is", name, d.kind)
	request, ok := d.requests[name]
	if !ok {
		return []error{fmt.Errorf("%s %s.  No request is specified", about, bound.String())}
	}
	if request.Cmp(bound) < 0 {
		return []error{fmt.Errorf("%s %s, but request is %s", about, bound.String(), request.String())}
	}
	if limit, ok := d.limits[name]; ok && limit.Cmp(bound) < 0 {
		return []error{fmt.Errorf("%s %s, but limit is %s", about, bound.String(), limit.String())}
	}
	return nil
}

// above checks a maximum; required says whether a value has to be there.
func above(list corev1.ResourceList, name corev1.ResourceName, bound apiresource.Quantity, about, what string, required bool) []error {
	value, ok := list[name]
	switch {
	case !ok && required:
		return []error{fmt.Errorf("%s %s.  No %s is specified", about, bound.String(), what)}
	case ok && value.Cmp(bound) > 0:
		return []error{fmt.Errorf("%s %s, but %s is %s", about, bound.String(), what, value.String())}
	}
	return nil
}

// ratio checks how much more than its request a container may use.
func (d demand) ratio(name corev1.ResourceName, bound apiresource.Quantity) error {
	about := fmt.Sprintf("%s max limit to request ratio per %s is", name, d.kind)
	request, limit := d.requests[name], d.limits[name]
	if request.IsZero() {
		return fmt.Errorf("%s %s, but no request is specified or request is 0", about, bound.String())
	}
	if limit.IsZero() {
		return fmt.Errorf("%s %s, but no limit is specified or limit is 0", about, bound.String())
	}
	if got := limit.AsApproximateFloat64() / request.AsApproximateFloat64(); got > bound.AsApproximateFloat64() {
		return fmt.Errorf("%s %s, but provided ratio is %f", about, bound.String(), got)
	}
	return nil
}
