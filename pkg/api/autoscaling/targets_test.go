package autoscaling

import (
	"testing"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

func TestTargets(t *testing.T) {
	value := autoscalingv2.MetricTarget{Value: new(resource.MustParse("10"))}
	average := autoscalingv2.MetricTarget{AverageValue: new(resource.MustParse("1k"))}
	percent := autoscalingv2.MetricTarget{AverageUtilization: new(int32(80))}
	now := autoscalingv2.MetricValueStatus{Value: new(resource.MustParse("3")), AverageValue: new(resource.MustParse("500m")), AverageUtilization: new(int32(20))}
	cpu := autoscalingv2.MetricSpec{Resource: &autoscalingv2.ResourceMetricSource{Name: corev1.ResourceCPU, Target: percent}}
	for _, tt := range []struct {
		name     string
		specs    []autoscalingv2.MetricSpec
		statuses []autoscalingv2.MetricStatus
		want     string
	}{
		{"none", nil, nil, "<none>"},
		{"not yet known", []autoscalingv2.MetricSpec{cpu}, nil, "cpu: <unknown>/80%"},
		{"utilization", []autoscalingv2.MetricSpec{cpu}, []autoscalingv2.MetricStatus{{Resource: &autoscalingv2.ResourceMetricStatus{Current: now}}}, "cpu: 20%/80%"},
		{"of a container", []autoscalingv2.MetricSpec{{ContainerResource: &autoscalingv2.ContainerResourceMetricSource{Name: corev1.ResourceMemory, Target: average}}},
			[]autoscalingv2.MetricStatus{{ContainerResource: &autoscalingv2.ContainerResourceMetricStatus{Current: now}}}, "memory: 500m/1k"},
		{"of pods", []autoscalingv2.MetricSpec{{Pods: &autoscalingv2.PodsMetricSource{Target: average}}},
			[]autoscalingv2.MetricStatus{{Pods: &autoscalingv2.PodsMetricStatus{Current: now}}}, "500m/1k"},
		{"of an object", []autoscalingv2.MetricSpec{{Object: &autoscalingv2.ObjectMetricSource{Target: value}}},
			[]autoscalingv2.MetricStatus{{Object: &autoscalingv2.ObjectMetricStatus{Current: now}}}, "3/10"},
		{"external, average", []autoscalingv2.MetricSpec{{External: &autoscalingv2.ExternalMetricSource{Target: average}}},
			[]autoscalingv2.MetricStatus{{External: &autoscalingv2.ExternalMetricStatus{Current: now}}}, "500m/1k (avg)"},
		{"more than there is room for", []autoscalingv2.MetricSpec{cpu, cpu, cpu, cpu}, nil, "cpu: <unknown>/80%, cpu: <unknown>/80% + 2 more..."},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := targets(tt.specs, tt.statuses); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
