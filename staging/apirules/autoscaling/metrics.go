package autoscaling

import (
	"fmt"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/proa-sh/proa/staging/apirules/meta"
)

func metrics(list []autoscalingv2.MetricSpec, p *field.Path, minReplicas *int32) field.ErrorList {
	var errs field.ErrorList
	outside := false
	for i := range list {
		errs = append(errs, metric(&list[i], p.Index(i))...)
		outside = outside || list[i].Type == autoscalingv2.ObjectMetricSourceType || list[i].Type == autoscalingv2.ExternalMetricSourceType
	}
	if minReplicas != nil && *minReplicas == 0 && !outside {
		errs = append(errs, field.Forbidden(p, "must specify at least one Object or External metric to support scaling to zero replicas"))
	}
	return errs
}

// metric wants the one source that the type names.
func metric(m *autoscalingv2.MetricSpec, p *field.Path) field.ErrorList {
	if m.Type == "" {
		return field.ErrorList{field.Required(p.Child("type"), "must specify a metric source type")}
	}
	sources := []struct {
		kind  autoscalingv2.MetricSourceType
		name  string
		set   bool
		rules func(*field.Path) field.ErrorList
	}{
		{autoscalingv2.ObjectMetricSourceType, "object", m.Object != nil, func(p *field.Path) field.ErrorList { return objectMetric(m.Object, p) }},
		{autoscalingv2.ExternalMetricSourceType, "external", m.External != nil, func(p *field.Path) field.ErrorList { return externalMetric(m.External, p) }},
		{autoscalingv2.PodsMetricSourceType, "pods", m.Pods != nil, func(p *field.Path) field.ErrorList { return podsMetric(m.Pods, p) }},
		{autoscalingv2.ResourceMetricSourceType, "resource", m.Resource != nil, func(p *field.Path) field.ErrorList {
			return resourceMetric(m.Resource.Name, &m.Resource.Target, p)
		}},
		{autoscalingv2.ContainerResourceMetricSourceType, "containerResource", m.ContainerResource != nil, func(p *field.Path) field.ErrorList {
			return containerMetric(m.ContainerResource, p)
		}},
	}
	var errs field.ErrorList
	known, found := false, false
	for _, s := range sources {
		known = known || s.kind == m.Type
		switch {
		case !s.set:
		case s.kind != m.Type:
			errs = append(errs, field.Forbidden(p.Child(s.name), fmt.Sprintf("may not be set for type %q", m.Type)))
		default:
			found = true
			errs = append(errs, s.rules(p.Child(s.name))...)
		}
	}
	if !known {
		return append(errs, field.NotSupported(p.Child("type"), m.Type, []autoscalingv2.MetricSourceType{
			autoscalingv2.ContainerResourceMetricSourceType, autoscalingv2.ExternalMetricSourceType, autoscalingv2.ObjectMetricSourceType,
			autoscalingv2.PodsMetricSourceType, autoscalingv2.ResourceMetricSourceType}))
	}
	if !found {
		errs = append(errs, field.Required(p.Child(sourceName(m.Type)), fmt.Sprintf("must populate information for the given metric source (%s)", m.Type)))
	}
	return errs
}

func sourceName(t autoscalingv2.MetricSourceType) string {
	switch t {
	case autoscalingv2.ObjectMetricSourceType:
		return "object"
	case autoscalingv2.ExternalMetricSourceType:
		return "external"
	case autoscalingv2.PodsMetricSourceType:
		return "pods"
	case autoscalingv2.ResourceMetricSourceType:
		return "resource"
	}
	return "containerResource"
}

func objectMetric(o *autoscalingv2.ObjectMetricSource, p *field.Path) field.ErrorList {
	errs := target(o.DescribedObject, true, p.Child("describedObject"))
	errs = append(errs, identifier(o.Metric, p.Child("metric"))...)
	errs = append(errs, metricTarget(&o.Target, p.Child("target"))...)
	if o.Target.Value == nil && o.Target.AverageValue == nil {
		errs = append(errs, field.Required(p.Child("target", "averageValue"), "must set either a target value or averageValue"))
	}
	return errs
}

func externalMetric(e *autoscalingv2.ExternalMetricSource, p *field.Path) field.ErrorList {
	errs := identifier(e.Metric, p.Child("metric"))
	errs = append(errs, metricTarget(&e.Target, p.Child("target"))...)
	if e.Target.Value == nil && e.Target.AverageValue == nil {
		errs = append(errs, field.Required(p.Child("target", "averageValue"), "must set either a target value for metric or a per-pod target"))
	}
	if e.Target.Value != nil && e.Target.AverageValue != nil {
		errs = append(errs, field.Forbidden(p.Child("target", "value"), "may not set both a target value for metric and a per-pod target"))
	}
	return errs
}

func podsMetric(s *autoscalingv2.PodsMetricSource, p *field.Path) field.ErrorList {
	errs := identifier(s.Metric, p.Child("metric"))
	errs = append(errs, metricTarget(&s.Target, p.Child("target"))...)
	if s.Target.AverageValue == nil || s.Target.AverageValue.Sign() != 1 {
		errs = append(errs, field.Required(p.Child("target", "averageValue"), "must specify a positive target averageValue"))
	}
	return errs
}

func containerMetric(c *autoscalingv2.ContainerResourceMetricSource, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	if c.Container == "" {
		errs = append(errs, field.Required(p.Child("container"), "must specify a container name"))
	}
	return append(errs, resourceMetric(c.Name, &c.Target, p)...)
}

func resourceMetric(name v1.ResourceName, t *autoscalingv2.MetricTarget, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	if name == "" {
		errs = append(errs, field.Required(p.Child("name"), "must specify a resource name"))
	}
	tp := p.Child("target")
	errs = append(errs, metricTarget(t, tp)...)
	if t.AverageUtilization == nil && t.AverageValue == nil {
		errs = append(errs, field.Required(tp.Child("averageUtilization"), "must set either a target raw value or a target utilization"))
	}
	if t.AverageUtilization != nil && t.AverageValue != nil {
		errs = append(errs, field.Forbidden(tp.Child("averageValue"), "may not set both a target raw value and a target utilization"))
	}
	return errs
}

func metricTarget(t *autoscalingv2.MetricTarget, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	if t.Type == "" {
		errs = append(errs, field.Required(p.Child("type"), "must specify a metric target type"))
	}
	switch t.Type {
	case "", autoscalingv2.UtilizationMetricType, autoscalingv2.ValueMetricType, autoscalingv2.AverageValueMetricType:
	default:
		errs = append(errs, field.Invalid(p.Child("type"), t.Type, "must be either Utilization, Value, or AverageValue"))
	}
	if t.Value != nil && t.Value.Sign() != 1 {
		errs = append(errs, field.Invalid(p.Child("value"), t.Value, "must be positive"))
	}
	if t.AverageValue != nil && t.AverageValue.Sign() != 1 {
		errs = append(errs, field.Invalid(p.Child("averageValue"), t.AverageValue, "must be positive"))
	}
	if t.AverageUtilization != nil && *t.AverageUtilization < 1 {
		errs = append(errs, field.Invalid(p.Child("averageUtilization"), t.AverageUtilization, "must be greater than 0"))
	}
	return errs
}

func identifier(id autoscalingv2.MetricIdentifier, p *field.Path) field.ErrorList {
	if id.Name == "" {
		return field.ErrorList{field.Required(p.Child("name"), "must specify a metric name")}
	}
	errs := meta.Invalid(id.Name, p.Child("name"), meta.PathSegmentName(id.Name, false))
	return append(errs, meta.Selector(id.Selector, p.Child("selector"), false)...)
}
