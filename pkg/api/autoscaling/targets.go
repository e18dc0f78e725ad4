package autoscaling

import (
	"fmt"
	"strings"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/proa-sh/proa/pkg/api/columns"
)

// shown is the number of targets that a cell has room for.
const shown = 2

// targets shows the value that each metric has and the one that it should have. The statuses are in the order of specs.
func targets(specs []autoscalingv2.MetricSpec, statuses []autoscalingv2.MetricStatus) string {
	if len(specs) == 0 {
		return columns.None
	}
	var cells []string
	for i := range specs {
		var status autoscalingv2.MetricStatus
		if i < len(statuses) {
			status = statuses[i]
		}
		cells = append(cells, metricTarget(&specs[i], &status))
	}
	if len(cells) > shown {
		return fmt.Sprintf("%s + %d more...", strings.Join(cells[:shown], ", "), len(cells)-shown)
	}
	return strings.Join(cells, ", ")
}

func metricTarget(spec *autoscalingv2.MetricSpec, status *autoscalingv2.MetricStatus) string {
	switch {
	case spec.External != nil:
		var now autoscalingv2.MetricValueStatus
		if status.External != nil {
			now = status.External.Current
		}
		return valueTarget(&spec.External.Target, &now)
	case spec.Object != nil:
		var now autoscalingv2.MetricValueStatus
		if status.Object != nil {
			now = status.Object.Current
		}
		return valueTarget(&spec.Object.Target, &now)
	case spec.Pods != nil:
		var now autoscalingv2.MetricValueStatus
		if status.Pods != nil {
			now = status.Pods.Current
		}
		return quantity(now.AverageValue) + "/" + quantity(spec.Pods.Target.AverageValue)
	case spec.Resource != nil:
		var now autoscalingv2.MetricValueStatus
		if status.Resource != nil {
			now = status.Resource.Current
		}
		return fmt.Sprintf("%s: %s", spec.Resource.Name, resourceTarget(&spec.Resource.Target, &now))
	case spec.ContainerResource != nil:
		var now autoscalingv2.MetricValueStatus
		if status.ContainerResource != nil {
			now = status.ContainerResource.Current
		}
		return fmt.Sprintf("%s: %s", spec.ContainerResource.Name, resourceTarget(&spec.ContainerResource.Target, &now))
	}
	return "<unknown type>"
}

func valueTarget(target *autoscalingv2.MetricTarget, now *autoscalingv2.MetricValueStatus) string {
	if target.AverageValue != nil {
		return fmt.Sprintf("%s/%s (avg)", quantity(now.AverageValue), quantity(target.AverageValue))
	}
	return quantity(now.Value) + "/" + quantity(target.Value)
}

func resourceTarget(target *autoscalingv2.MetricTarget, now *autoscalingv2.MetricValueStatus) string {
	if target.AverageValue != nil {
		return quantity(now.AverageValue) + "/" + quantity(target.AverageValue)
	}
	current, wanted := columns.Unknown, "<auto>"
	if now.AverageUtilization != nil {
		current = fmt.Sprintf("%d%%", *now.AverageUtilization)
	}
	if target.AverageUtilization != nil {
		wanted = fmt.Sprintf("%d%%", *target.AverageUtilization)
	}
	return current + "/" + wanted
}

func quantity(q *resource.Quantity) string {
	if q == nil {
		return columns.Unknown
	}
	return q.String()
}
