package convert

import (
	"encoding/json"
	"fmt"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	rules "github.com/proa-sh/proa/staging/apirules/autoscaling"
)

// Annotations that carry in autoscaling/v1 what it has no fields for.
const (
	metricsAnnotation        = "autoscaling.alpha.kubernetes.io/metrics"
	currentMetricsAnnotation = "autoscaling.alpha.kubernetes.io/current-metrics"
	conditionsAnnotation     = "autoscaling.alpha.kubernetes.io/conditions"
	behaviorAnnotation       = "autoscaling.alpha.kubernetes.io/behavior"
)

// AddAutoscaling registers the conversions between autoscaling/v2, which is the hub, and v1, and v1's defaults.
//
// The CPU utilization target is v1's only metric; all others travel in annotations. Coming back, it is the last one.
func AddAutoscaling(s *runtime.Scheme) error {
	s.AddTypeDefaultingFunc(&autoscalingv1.HorizontalPodAutoscaler{}, func(o any) {
		rules.SetHorizontalPodAutoscalerV1Defaults(o.(*autoscalingv1.HorizontalPodAutoscaler))
	})
	s.AddTypeDefaultingFunc(&autoscalingv1.HorizontalPodAutoscalerList{}, func(o any) {
		list := o.(*autoscalingv1.HorizontalPodAutoscalerList)
		for i := range list.Items {
			rules.SetHorizontalPodAutoscalerV1Defaults(&list.Items[i])
		}
	})
	return firstError(
		func() error { return add(s, autoscalerFromHub) },
		func() error { return add(s, autoscalerToHub) },
		func() error {
			return add(s, func(in *autoscalingv2.HorizontalPodAutoscalerList, out *autoscalingv1.HorizontalPodAutoscalerList) (err error) {
				out.ListMeta = in.ListMeta
				out.Items, err = each(in.Items, autoscalerFromHub)
				return err
			})
		},
		func() error {
			return add(s, func(in *autoscalingv1.HorizontalPodAutoscalerList, out *autoscalingv2.HorizontalPodAutoscalerList) (err error) {
				out.ListMeta = in.ListMeta
				out.Items, err = each(in.Items, autoscalerToHub)
				return err
			})
		},
	)
}

func autoscalerFromHub(in *autoscalingv2.HorizontalPodAutoscaler, out *autoscalingv1.HorizontalPodAutoscaler) error {
	in = in.DeepCopy()
	*out = autoscalingv1.HorizontalPodAutoscaler{
		ObjectMeta: in.ObjectMeta,
		Spec: autoscalingv1.HorizontalPodAutoscalerSpec{
			ScaleTargetRef: autoscalingv1.CrossVersionObjectReference(in.Spec.ScaleTargetRef),
			MinReplicas:    in.Spec.MinReplicas,
			MaxReplicas:    in.Spec.MaxReplicas,
		},
		Status: autoscalingv1.HorizontalPodAutoscalerStatus{
			ObservedGeneration: in.Status.ObservedGeneration,
			LastScaleTime:      in.Status.LastScaleTime,
			CurrentReplicas:    in.Status.CurrentReplicas,
			DesiredReplicas:    in.Status.DesiredReplicas,
		},
	}
	dropAnnotations(&out.ObjectMeta)
	var others []autoscalingv1.MetricSpec
	for _, m := range in.Spec.Metrics {
		if target := cpuTarget(&m); target != nil && out.Spec.TargetCPUUtilizationPercentage == nil {
			out.Spec.TargetCPUUtilizationPercentage = target
			continue
		}
		others = append(others, metricFromHub(&m))
	}
	var current []autoscalingv1.MetricStatus
	for _, m := range in.Status.CurrentMetrics {
		if m.Type == autoscalingv2.ResourceMetricSourceType && m.Resource != nil && m.Resource.Name == corev1.ResourceCPU && m.Resource.Current.AverageUtilization != nil {
			out.Status.CurrentCPUUtilizationPercentage = m.Resource.Current.AverageUtilization
		}
		current = append(current, metricStatusFromHub(&m))
	}
	var conditions []autoscalingv1.HorizontalPodAutoscalerCondition
	for _, c := range in.Status.Conditions {
		conditions = append(conditions, conditionFromHub(c))
	}
	return firstError(
		func() error { return annotate(&out.ObjectMeta, metricsAnnotation, others, len(others) > 0) },
		func() error { return annotate(&out.ObjectMeta, currentMetricsAnnotation, current, len(current) > 0) },
		func() error { return annotate(&out.ObjectMeta, conditionsAnnotation, conditions, len(conditions) > 0) },
		func() error {
			return annotate(&out.ObjectMeta, behaviorAnnotation, behaviorFromHub(in.Spec.Behavior), in.Spec.Behavior != nil)
		},
	)
}

// cpuTarget returns the metric's target if it is the one that v1 has a field for.
func cpuTarget(m *autoscalingv2.MetricSpec) *int32 {
	r := m.Resource
	if m.Type != autoscalingv2.ResourceMetricSourceType || r == nil || r.Name != corev1.ResourceCPU || r.Target.Type != autoscalingv2.UtilizationMetricType {
		return nil
	}
	return r.Target.AverageUtilization
}

func autoscalerToHub(in *autoscalingv1.HorizontalPodAutoscaler, out *autoscalingv2.HorizontalPodAutoscaler) error {
	in = in.DeepCopy()
	*out = autoscalingv2.HorizontalPodAutoscaler{
		ObjectMeta: in.ObjectMeta,
		Spec: autoscalingv2.HorizontalPodAutoscalerSpec{
			ScaleTargetRef: autoscalingv2.CrossVersionObjectReference(in.Spec.ScaleTargetRef),
			MinReplicas:    in.Spec.MinReplicas,
			MaxReplicas:    in.Spec.MaxReplicas,
		},
		Status: autoscalingv2.HorizontalPodAutoscalerStatus{
			ObservedGeneration: in.Status.ObservedGeneration,
			LastScaleTime:      in.Status.LastScaleTime,
			CurrentReplicas:    in.Status.CurrentReplicas,
			DesiredReplicas:    in.Status.DesiredReplicas,
		},
	}
	var others []autoscalingv1.MetricSpec
	var current []autoscalingv1.MetricStatus
	var conditions []autoscalingv1.HorizontalPodAutoscalerCondition
	var rules *behavior
	if err := firstError(
		func() error { return readAnnotation(&in.ObjectMeta, metricsAnnotation, &others) },
		func() error { return readAnnotation(&in.ObjectMeta, currentMetricsAnnotation, &current) },
		func() error { return readAnnotation(&in.ObjectMeta, conditionsAnnotation, &conditions) },
		func() error { return readAnnotation(&in.ObjectMeta, behaviorAnnotation, &rules) },
	); err != nil {
		return err
	}
	dropAnnotations(&out.ObjectMeta)
	for _, m := range others {
		out.Spec.Metrics = append(out.Spec.Metrics, metricToHub(&m))
	}
	if target := in.Spec.TargetCPUUtilizationPercentage; target != nil {
		out.Spec.Metrics = append(out.Spec.Metrics, cpuMetric(target))
	}
	out.Spec.Behavior = rules.hub()
	for _, m := range current {
		out.Status.CurrentMetrics = append(out.Status.CurrentMetrics, metricStatusToHub(&m))
	}
	if use := in.Status.CurrentCPUUtilizationPercentage; use != nil && len(current) == 0 {
		out.Status.CurrentMetrics = []autoscalingv2.MetricStatus{cpuStatus(use)}
	}
	for _, c := range conditions {
		out.Status.Conditions = append(out.Status.Conditions, conditionToHub(c))
	}
	return nil
}

func cpuMetric(target *int32) autoscalingv2.MetricSpec {
	return autoscalingv2.MetricSpec{Type: autoscalingv2.ResourceMetricSourceType, Resource: &autoscalingv2.ResourceMetricSource{
		Name:   corev1.ResourceCPU,
		Target: autoscalingv2.MetricTarget{Type: autoscalingv2.UtilizationMetricType, AverageUtilization: target},
	}}
}

func cpuStatus(use *int32) autoscalingv2.MetricStatus {
	return autoscalingv2.MetricStatus{Type: autoscalingv2.ResourceMetricSourceType, Resource: &autoscalingv2.ResourceMetricStatus{
		Name:    corev1.ResourceCPU,
		Current: autoscalingv2.MetricValueStatus{AverageUtilization: use, AverageValue: &resource.Quantity{}},
	}}
}

func conditionFromHub(c autoscalingv2.HorizontalPodAutoscalerCondition) autoscalingv1.HorizontalPodAutoscalerCondition {
	return autoscalingv1.HorizontalPodAutoscalerCondition{
		Type: autoscalingv1.HorizontalPodAutoscalerConditionType(c.Type), Status: c.Status,
		LastTransitionTime: c.LastTransitionTime, Reason: c.Reason, Message: c.Message,
	}
}

func conditionToHub(c autoscalingv1.HorizontalPodAutoscalerCondition) autoscalingv2.HorizontalPodAutoscalerCondition {
	return autoscalingv2.HorizontalPodAutoscalerCondition{
		Type: autoscalingv2.HorizontalPodAutoscalerConditionType(c.Type), Status: c.Status,
		LastTransitionTime: c.LastTransitionTime, Reason: c.Reason, Message: c.Message,
	}
}

func dropAnnotations(m *metav1.ObjectMeta) {
	for _, a := range []string{metricsAnnotation, currentMetricsAnnotation, conditionsAnnotation, behaviorAnnotation} {
		delete(m.Annotations, a)
	}
	if len(m.Annotations) == 0 {
		m.Annotations = nil
	}
}

func annotate(m *metav1.ObjectMeta, name string, v any, present bool) error {
	if !present {
		return nil
	}
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode annotation %s: %w", name, err)
	}
	metav1.SetMetaDataAnnotation(m, name, string(data))
	return nil
}

func readAnnotation(m *metav1.ObjectMeta, name string, v any) error {
	data, ok := m.Annotations[name]
	if !ok {
		return nil
	}
	if err := json.Unmarshal([]byte(data), v); err != nil {
		return fmt.Errorf("decode annotation %s: %w", name, err)
	}
	return nil
}
