package autoscaling

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/proa-sh/proa/staging/apirules/internal/rulestest"
)

var (
	invalid      = rulestest.Invalid
	required     = rulestest.Required
	notSupported = rulestest.NotSupported
	forbidden    = rulestest.Forbidden
)

type hpa = autoscalingv2.HorizontalPodAutoscaler

func valid() *hpa {
	h := &hpa{ObjectMeta: metav1.ObjectMeta{Name: "h", Namespace: "ns", ResourceVersion: "1"}, Spec: autoscalingv2.HorizontalPodAutoscalerSpec{
		ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{Kind: "Deployment", Name: "d", APIVersion: "apps/v1"}, MaxReplicas: 3,
		Behavior: &autoscalingv2.HorizontalPodAutoscalerBehavior{ScaleDown: &autoscalingv2.HPAScalingRules{StabilizationWindowSeconds: ptr.To[int32](5)}}}}
	SetHorizontalPodAutoscalerDefaults(h)
	return h
}

func TestDefaults(t *testing.T) {
	want := autoscalingv2.HorizontalPodAutoscalerSpec{
		ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{Kind: "Deployment", Name: "d", APIVersion: "apps/v1"}, MinReplicas: ptr.To[int32](1), MaxReplicas: 3,
		Metrics: []autoscalingv2.MetricSpec{{Type: "Resource", Resource: &autoscalingv2.ResourceMetricSource{Name: "cpu", Target: autoscalingv2.MetricTarget{Type: "Utilization", AverageUtilization: ptr.To[int32](80)}}}},
		Behavior: &autoscalingv2.HorizontalPodAutoscalerBehavior{
			ScaleUp: &autoscalingv2.HPAScalingRules{StabilizationWindowSeconds: ptr.To[int32](0), SelectPolicy: ptr.To(autoscalingv2.MaxChangePolicySelect),
				Policies: []autoscalingv2.HPAScalingPolicy{{Type: "Pods", Value: 4, PeriodSeconds: 15}, {Type: "Percent", Value: 100, PeriodSeconds: 15}}},
			ScaleDown: &autoscalingv2.HPAScalingRules{StabilizationWindowSeconds: ptr.To[int32](5), SelectPolicy: ptr.To(autoscalingv2.MaxChangePolicySelect),
				Policies: []autoscalingv2.HPAScalingPolicy{{Type: "Percent", Value: 100, PeriodSeconds: 15}}}},
	}
	if diff := cmp.Diff(want, valid().Spec); diff != "" {
		t.Errorf("defaults differ (-want +got):\n%s", diff)
	}
	old := &autoscalingv1.HorizontalPodAutoscaler{}
	SetHorizontalPodAutoscalerV1Defaults(old)
	if *old.Spec.MinReplicas != 1 {
		t.Errorf("version 1 has minReplicas %d", *old.Spec.MinReplicas)
	}
}

func TestHorizontalPodAutoscalers(t *testing.T) {
	type c = rulestest.Case[hpa]
	metric := func(m autoscalingv2.MetricSpec) func(*hpa) {
		return func(h *hpa) { h.Spec.Metrics = []autoscalingv2.MetricSpec{m} }
	}
	const m = "spec.metrics[0]"
	rulestest.Cases(t, valid, ValidateHorizontalPodAutoscaler, []c{
		{Name: "bounds", Change: func(h *hpa) { h.Spec.MinReplicas, h.Spec.MaxReplicas = ptr.To[int32](0), -1 }, Want: []string{invalid("spec.minReplicas"), invalid("spec.maxReplicas"), forbidden("spec.metrics")}},
		{Name: "order", Change: func(h *hpa) { h.Spec.MinReplicas = ptr.To[int32](4) }, Want: []string{invalid("spec.maxReplicas")}},
		{Name: "target", Change: func(h *hpa) {
			h.Spec.ScaleTargetRef = autoscalingv2.CrossVersionObjectReference{Kind: "a/b", APIVersion: "a/b/c"}
		},
			Want: []string{invalid("spec.scaleTargetRef.kind"), required("spec.scaleTargetRef.name"), invalid("spec.scaleTargetRef.apiVersion")}},
		{Name: "no type", Change: metric(autoscalingv2.MetricSpec{}), Want: []string{required(m + ".type")}},
		{Name: "type", Change: metric(autoscalingv2.MetricSpec{Type: "x"}), Want: []string{notSupported(m + ".type")}},
		{Name: "no source", Change: metric(autoscalingv2.MetricSpec{Type: "Pods"}), Want: []string{required(m + ".pods")}},
		{Name: "other source", Change: metric(autoscalingv2.MetricSpec{Type: "Pods", Resource: &autoscalingv2.ResourceMetricSource{}}), Want: []string{required(m + ".pods"), forbidden(m + ".resource")}},
		{Name: "resource", Change: metric(autoscalingv2.MetricSpec{Type: "Resource", Resource: &autoscalingv2.ResourceMetricSource{}}), Want: []string{required(m + ".resource.name"), required(m + ".resource.target.type"), required(m + ".resource.target.averageUtilization")}},
		{Name: "pods", Change: metric(autoscalingv2.MetricSpec{Type: "Pods", Pods: &autoscalingv2.PodsMetricSource{Metric: autoscalingv2.MetricIdentifier{Name: "a/b"}, Target: autoscalingv2.MetricTarget{Type: "Value", Value: resource.NewQuantity(0, "")}}}),
			Want: []string{invalid(m + ".pods.metric.name"), invalid(m + ".pods.target.value"), required(m + ".pods.target.averageValue")}},
		{Name: "external", Change: metric(autoscalingv2.MetricSpec{Type: "External", External: &autoscalingv2.ExternalMetricSource{Metric: autoscalingv2.MetricIdentifier{Name: "q"}, Target: autoscalingv2.MetricTarget{Type: "Value"}}}),
			Want: []string{required(m + ".external.target.averageValue")}},
		{Name: "container", Change: metric(autoscalingv2.MetricSpec{Type: "ContainerResource", ContainerResource: &autoscalingv2.ContainerResourceMetricSource{Name: v1.ResourceCPU, Target: autoscalingv2.MetricTarget{Type: "Utilization", AverageUtilization: ptr.To[int32](0)}}}),
			Want: []string{required(m + ".containerResource.container"), invalid(m + ".containerResource.target.averageUtilization")}},
		{Name: "behaviour", Change: func(h *hpa) {
			h.Spec.Behavior.ScaleUp = &autoscalingv2.HPAScalingRules{StabilizationWindowSeconds: ptr.To[int32](3601), SelectPolicy: ptr.To(autoscalingv2.ScalingPolicySelect("x"))}
			h.Spec.Behavior.ScaleDown.Policies[0] = autoscalingv2.HPAScalingPolicy{PeriodSeconds: 1801}
		}, Want: []string{invalid("spec.behavior.scaleUp.stabilizationWindowSeconds"), notSupported("spec.behavior.scaleUp.selectPolicy"), required("spec.behavior.scaleUp.policies"),
			notSupported("spec.behavior.scaleDown.policies[0].type"), invalid("spec.behavior.scaleDown.policies[0].value"), invalid("spec.behavior.scaleDown.policies[0].periodSeconds")}},
	})
	rulestest.UpdateCases(t, valid, ValidateHorizontalPodAutoscalerUpdate, []c{{Name: "more", Change: func(h *hpa) { h.Spec.MaxReplicas = 5 }}})
	rulestest.UpdateCases(t, valid, ValidateHorizontalPodAutoscalerStatusUpdate, []c{
		{Name: "counts", Change: func(h *hpa) { h.Status.CurrentReplicas = -1 }, Want: []string{invalid("status.currentReplicas")}},
	})
}

func TestScales(t *testing.T) {
	s := &autoscalingv1.Scale{ObjectMeta: metav1.ObjectMeta{Name: "s", Namespace: "ns"}, Spec: autoscalingv1.ScaleSpec{Replicas: -1}}
	rulestest.Check(t, ValidateScale(s), invalid("spec.replicas"))
}

func TestTargetHasAGroup(t *testing.T) {
	refer := func(apiVersion, kind string) func(*hpa) {
		return func(h *hpa) { h.Spec.ScaleTargetRef.APIVersion, h.Spec.ScaleTargetRef.Kind = apiVersion, kind }
	}
	const path = "spec.scaleTargetRef.apiVersion"
	rulestest.Cases(t, valid, ValidateHorizontalPodAutoscaler, []rulestest.Case[hpa]{
		{Name: "no version", Change: refer("", "Deployment"), Want: []string{invalid(path)}},
		{Name: "core", Change: refer("v1", "Deployment"), Want: []string{invalid(path)}},
		{Name: "replication controller", Change: refer("v1", "ReplicationController")},
		{Name: "custom", Change: refer("example.com/v1", "Widget")},
		{Name: "nothing at most", Change: func(h *hpa) { h.Spec.MinReplicas, h.Spec.MaxReplicas = nil, 0 }, Want: []string{required("spec.maxReplicas")}},
		{Name: "less than nothing", Change: func(h *hpa) { h.Spec.MinReplicas, h.Spec.MaxReplicas = nil, -1 }, Want: []string{invalid("spec.maxReplicas")}},
	})
	stored := func() *hpa { h := valid(); refer("v1", "Deployment")(h); return h }
	rulestest.UpdateCases(t, stored, ValidateHorizontalPodAutoscalerUpdate, []rulestest.Case[hpa]{
		{Name: "other number", Change: func(h *hpa) { h.Spec.MaxReplicas = 9 }},
	})
	rulestest.UpdateCases(t, valid, ValidateHorizontalPodAutoscalerUpdate, []rulestest.Case[hpa]{
		{Name: "loses its group", Change: refer("", "Deployment"), Want: []string{invalid(path)}},
	})
}
