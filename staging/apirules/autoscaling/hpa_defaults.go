package autoscaling

import (
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	v1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"
)

// Defaults of autoscalers.
const (
	defaultMinReplicas    = 1
	defaultCPUUtilization = 80 // per cent
	defaultPolicyPeriod   = 15 // seconds
	defaultUpPods         = 4
	defaultPercent        = 100
)

// SetHorizontalPodAutoscalerDefaults fills the lower bound, a CPU metric where there is none, and the rules of a behaviour
// that is given in part.
func SetHorizontalPodAutoscalerDefaults(h *autoscalingv2.HorizontalPodAutoscaler) {
	if h.Spec.MinReplicas == nil {
		h.Spec.MinReplicas = ptr.To[int32](defaultMinReplicas)
	}
	if len(h.Spec.Metrics) == 0 {
		h.Spec.Metrics = []autoscalingv2.MetricSpec{{
			Type: autoscalingv2.ResourceMetricSourceType,
			Resource: &autoscalingv2.ResourceMetricSource{Name: v1.ResourceCPU, Target: autoscalingv2.MetricTarget{
				Type: autoscalingv2.UtilizationMetricType, AverageUtilization: ptr.To[int32](defaultCPUUtilization)}},
		}}
	}
	if h.Spec.Behavior == nil {
		return
	}
	h.Spec.Behavior.ScaleUp = merged(h.Spec.Behavior.ScaleUp, autoscalingv2.HPAScalingRules{
		StabilizationWindowSeconds: ptr.To[int32](0),
		Policies: []autoscalingv2.HPAScalingPolicy{
			{Type: autoscalingv2.PodsScalingPolicy, Value: defaultUpPods, PeriodSeconds: defaultPolicyPeriod},
			{Type: autoscalingv2.PercentScalingPolicy, Value: defaultPercent, PeriodSeconds: defaultPolicyPeriod},
		},
	})
	h.Spec.Behavior.ScaleDown = merged(h.Spec.Behavior.ScaleDown, autoscalingv2.HPAScalingRules{
		Policies: []autoscalingv2.HPAScalingPolicy{
			{Type: autoscalingv2.PercentScalingPolicy, Value: defaultPercent, PeriodSeconds: defaultPolicyPeriod},
		},
	})
}

// merged puts what is given over the defaults.
func merged(given *autoscalingv2.HPAScalingRules, def autoscalingv2.HPAScalingRules) *autoscalingv2.HPAScalingRules {
	def.SelectPolicy = ptr.To(autoscalingv2.MaxChangePolicySelect)
	if given == nil {
		return &def
	}
	if given.SelectPolicy != nil {
		def.SelectPolicy = given.SelectPolicy
	}
	if given.StabilizationWindowSeconds != nil {
		def.StabilizationWindowSeconds = given.StabilizationWindowSeconds
	}
	if given.Policies != nil {
		def.Policies = given.Policies
	}
	def.Tolerance = given.Tolerance
	return &def
}

// SetHorizontalPodAutoscalerV1Defaults fills the lower bound of an autoscaler of version 1.
func SetHorizontalPodAutoscalerV1Defaults(h *autoscalingv1.HorizontalPodAutoscaler) {
	if h.Spec.MinReplicas == nil {
		h.Spec.MinReplicas = ptr.To[int32](defaultMinReplicas)
	}
}
