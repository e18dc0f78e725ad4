package tainteviction

import (
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func tolerate(key string, seconds ...int64) v1.Toleration {
	toleration := v1.Toleration{Key: key, Operator: v1.TolerationOpExists, Effect: v1.TaintEffectNoExecute}
	if len(seconds) > 0 {
		toleration.TolerationSeconds = &seconds[0]
	}
	return toleration
}

func TestPlan(t *testing.T) {
	a, b := v1.Taint{Key: "a", Effect: v1.TaintEffectNoExecute}, v1.Taint{Key: "b", Effect: v1.TaintEffectNoExecute}
	tests := []struct {
		name        string
		taints      []v1.Taint
		tolerations []v1.Toleration
		passed      time.Duration
		ending      bool
		want        fate
		after       time.Duration
	}{
		{name: "no taints"},
		{name: "another effect", taints: []v1.Taint{{Key: "a", Effect: v1.TaintEffectNoSchedule}}},
		{name: "not tolerated", taints: []v1.Taint{a}, want: leave},
		{name: "ending anyhow", taints: []v1.Taint{a}, ending: true},
		{name: "one of two tolerated", taints: []v1.Taint{a, b}, tolerations: []v1.Toleration{tolerate("a")}, want: leave},
		{name: "tolerated for ever", taints: []v1.Taint{a}, tolerations: []v1.Toleration{tolerate("a")}, want: tolerated},
		{name: "for a time", taints: []v1.Taint{a}, tolerations: []v1.Toleration{tolerate("a", 300)}, passed: 100 * time.Second, want: tolerated, after: 200 * time.Second},
		{name: "time is over", taints: []v1.Taint{a}, tolerations: []v1.Toleration{tolerate("a", 300)}, passed: 300 * time.Second, want: leave},
		{name: "the shortest counts", taints: []v1.Taint{a, b}, tolerations: []v1.Toleration{tolerate("a", 300), tolerate("b", 60)}, want: tolerated, after: time.Minute},
		{name: "no time at all", taints: []v1.Taint{a}, tolerations: []v1.Toleration{tolerate("a", 0)}, want: leave},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			pod := &v1.Pod{Spec: v1.PodSpec{Tolerations: test.tolerations}}
			if test.ending {
				pod.DeletionTimestamp = &metav1.Time{Time: start}
			}
			if got, want := plan(pod, test.taints, start, start.Add(test.passed)), (outcome{test.want, test.after}); got != want {
				t.Errorf("outcome %+v, want %+v", got, want)
			}
		})
	}
}
