package convert

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

var then = time.Date(2026, time.May, 1, 0, 0, 0, 0, time.UTC)

func TestEvents(t *testing.T) {
	hub := &corev1.Event{
		ObjectMeta:          metav1.ObjectMeta{Name: "e", Annotations: map[string]string{"a": "b"}},
		InvolvedObject:      corev1.ObjectReference{Kind: "Pod", Name: "p"},
		Related:             &corev1.ObjectReference{Kind: "Node", Name: "n"},
		Reason:              "Pulled",
		Message:             "note",
		Source:              corev1.EventSource{Component: "kubelet", Host: "n"},
		FirstTimestamp:      metav1.NewTime(then),
		LastTimestamp:       metav1.NewTime(then.Add(time.Second)),
		Count:               2,
		Type:                "Normal",
		EventTime:           metav1.NewMicroTime(then),
		Series:              &corev1.EventSeries{Count: 3, LastObservedTime: metav1.NewMicroTime(then)},
		Action:              "Pull",
		ReportingController: "kubelet",
		ReportingInstance:   "kubelet-n",
	}
	want := &eventsv1.Event{
		ObjectMeta:               hub.ObjectMeta,
		Regarding:                hub.InvolvedObject,
		Related:                  hub.Related,
		Reason:                   "Pulled",
		Note:                     "note",
		DeprecatedSource:         hub.Source,
		DeprecatedFirstTimestamp: hub.FirstTimestamp,
		DeprecatedLastTimestamp:  hub.LastTimestamp,
		DeprecatedCount:          2,
		Type:                     "Normal",
		EventTime:                hub.EventTime,
		Series:                   &eventsv1.EventSeries{Count: 3, LastObservedTime: metav1.NewMicroTime(then)},
		Action:                   "Pull",
		ReportingController:      "kubelet",
		ReportingInstance:        "kubelet-n",
	}
	got, back := &eventsv1.Event{}, &corev1.Event{}
	convertTo(t, eventFromHub, hub, got)
	convertTo(t, eventToHub, got, back)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("events.k8s.io/v1 (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(hub, back); diff != "" {
		t.Errorf("and back (-want +got):\n%s", diff)
	}
	got.Annotations["a"] = "changed"
	if hub.Annotations["a"] != "b" || back.Annotations["a"] != "b" {
		t.Error("a converted event shares memory with the original")
	}
}

func TestAutoscaling(t *testing.T) {
	hub := &autoscalingv2.HorizontalPodAutoscaler{
		ObjectMeta: metav1.ObjectMeta{Name: "a", Annotations: map[string]string{"note": "n"}},
		Spec: autoscalingv2.HorizontalPodAutoscalerSpec{
			ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{Kind: "Deployment", Name: "d", APIVersion: "apps/v1"},
			MinReplicas:    new(int32(2)),
			MaxReplicas:    5,
			Metrics: []autoscalingv2.MetricSpec{
				{Type: "Pods", Pods: &autoscalingv2.PodsMetricSource{
					Metric: autoscalingv2.MetricIdentifier{Name: "rps"}, Target: autoscalingv2.MetricTarget{Type: "AverageValue", AverageValue: new(resource.MustParse("1k"))}}},
				cpuMetric(new(int32(80))),
			},
			Behavior: &autoscalingv2.HorizontalPodAutoscalerBehavior{ScaleDown: &autoscalingv2.HPAScalingRules{
				StabilizationWindowSeconds: new(int32(60)), SelectPolicy: new(autoscalingv2.MinChangePolicySelect),
				Policies: []autoscalingv2.HPAScalingPolicy{{Type: "Pods", Value: 1, PeriodSeconds: 30}},
			}},
		},
		Status: autoscalingv2.HorizontalPodAutoscalerStatus{
			CurrentReplicas: 3, DesiredReplicas: 4,
			CurrentMetrics: []autoscalingv2.MetricStatus{{Type: "Resource", Resource: &autoscalingv2.ResourceMetricStatus{
				Name: "cpu", Current: autoscalingv2.MetricValueStatus{AverageUtilization: new(int32(45)), AverageValue: new(resource.MustParse("9m"))}}}},
			Conditions: []autoscalingv2.HorizontalPodAutoscalerCondition{{Type: "AbleToScale", Status: "True", LastTransitionTime: metav1.NewTime(then), Reason: "r", Message: "m"}},
		},
	}
	want := &autoscalingv1.HorizontalPodAutoscaler{
		ObjectMeta: metav1.ObjectMeta{Name: "a", Annotations: map[string]string{
			"note":                   "n",
			metricsAnnotation:        `[{"type":"Pods","pods":{"metricName":"rps","targetAverageValue":"1k"}}]`,
			currentMetricsAnnotation: `[{"type":"Resource","resource":{"name":"cpu","currentAverageUtilization":45,"currentAverageValue":"9m"}}]`,
			conditionsAnnotation:     `[{"type":"AbleToScale","status":"True","lastTransitionTime":"2026-05-01T00:00:00Z","reason":"r","message":"m"}]`,
			behaviorAnnotation:       `{"ScaleUp":null,"ScaleDown":{"StabilizationWindowSeconds":60,"SelectPolicy":"Min","Policies":[{"Type":"Pods","Value":1,"PeriodSeconds":30}],"Tolerance":null}}`,
		}},
		Spec: autoscalingv1.HorizontalPodAutoscalerSpec{
			ScaleTargetRef:                 autoscalingv1.CrossVersionObjectReference{Kind: "Deployment", Name: "d", APIVersion: "apps/v1"},
			MinReplicas:                    new(int32(2)),
			MaxReplicas:                    5,
			TargetCPUUtilizationPercentage: new(int32(80)),
		},
		Status: autoscalingv1.HorizontalPodAutoscalerStatus{CurrentReplicas: 3, DesiredReplicas: 4, CurrentCPUUtilizationPercentage: new(int32(45))},
	}
	got, back := &autoscalingv1.HorizontalPodAutoscaler{}, &autoscalingv2.HorizontalPodAutoscaler{}
	convertTo(t, autoscalerFromHub, hub, got)
	convertTo(t, autoscalerToHub, got, back)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("autoscaling/v1 (-want +got):\n%s", diff)
	}
	sameInstant := cmp.Comparer(func(a, b metav1.Time) bool { return a.Time.Equal(b.Time) })
	if diff := cmp.Diff(hub, back, sameInstant); diff != "" {
		t.Errorf("and back (-want +got):\n%s", diff)
	}
}

// TestAutoscalingAlone converts an object that a client of v1 wrote: no annotations, and a status without its metric.
func TestAutoscalingAlone(t *testing.T) {
	in := &autoscalingv1.HorizontalPodAutoscaler{
		Spec:   autoscalingv1.HorizontalPodAutoscalerSpec{MaxReplicas: 3, TargetCPUUtilizationPercentage: new(int32(70))},
		Status: autoscalingv1.HorizontalPodAutoscalerStatus{CurrentCPUUtilizationPercentage: new(int32(10))},
	}
	want := &autoscalingv2.HorizontalPodAutoscaler{
		Spec:   autoscalingv2.HorizontalPodAutoscalerSpec{MaxReplicas: 3, Metrics: []autoscalingv2.MetricSpec{cpuMetric(new(int32(70)))}},
		Status: autoscalingv2.HorizontalPodAutoscalerStatus{CurrentMetrics: []autoscalingv2.MetricStatus{cpuStatus(new(int32(10)))}},
	}
	got := &autoscalingv2.HorizontalPodAutoscaler{}
	convertTo(t, autoscalerToHub, in, got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAutoscalingBadAnnotation(t *testing.T) {
	in := &autoscalingv1.HorizontalPodAutoscaler{ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{behaviorAnnotation: "{"}}}
	if err := autoscalerToHub(in, &autoscalingv2.HorizontalPodAutoscaler{}); err == nil {
		t.Error("an annotation that cannot be read was accepted")
	}
}

func convertTo[A, B any](t *testing.T, f func(*A, *B) error, in *A, out *B) {
	t.Helper()
	if err := f(in, out); err != nil {
		t.Fatal(err)
	}
}
