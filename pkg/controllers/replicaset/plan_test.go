package replicaset

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apps "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

var (
	start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	web   = map[string]string{"app": "web"}
)

func newSet(replicas int32) *apps.ReplicaSet {
	return &apps.ReplicaSet{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web", UID: "set", Generation: 2},
		Spec: apps.ReplicaSetSpec{
			Replicas: &replicas,
			Selector: &metav1.LabelSelector{MatchLabels: web},
			Template: v1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: web}, Spec: v1.PodSpec{Containers: []v1.Container{{Name: "c", Image: "i"}}}},
		},
	}
}

// newPod makes a running pod of the set. Each change alters it.
func newPod(name string, changes ...func(*v1.Pod)) *v1.Pod {
	pod := &v1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, Labels: web, CreationTimestamp: metav1.NewTime(start)},
		Spec:       v1.PodSpec{NodeName: "n1"},
		Status:     v1.PodStatus{Phase: v1.PodRunning},
	}
	for _, change := range changes {
		change(pod)
	}
	return pod
}

func phase(p v1.PodPhase) func(*v1.Pod) { return func(pod *v1.Pod) { pod.Status.Phase = p } }
func on(node string) func(*v1.Pod)      { return func(pod *v1.Pod) { pod.Spec.NodeName = node } }
func cost(c string) func(*v1.Pod) {
	return func(pod *v1.Pod) { pod.Annotations = map[string]string{v1.PodDeletionCost: c} }
}
func ready(since time.Time) func(*v1.Pod) {
	return func(pod *v1.Pod) {
		pod.Status.Conditions = []v1.PodCondition{{Type: v1.PodReady, Status: v1.ConditionTrue, LastTransitionTime: metav1.NewTime(since)}}
	}
}
func ending(pod *v1.Pod) { pod.DeletionTimestamp = &metav1.Time{Time: start} }

func TestPlan(t *testing.T) {
	hour := start.Add(time.Hour)
	tests := []struct {
		name       string
		set        *apps.ReplicaSet
		pods       []*v1.Pod
		neighbours map[string]int
		create     int
		remove     []string
	}{
		{name: "nothing there", set: newSet(3), create: 3},
		{name: "enough", set: newSet(1), pods: []*v1.Pod{newPod("a")}},
		{name: "terminal pods do not count", set: newSet(2), pods: []*v1.Pod{newPod("a", phase(v1.PodFailed)), newPod("b", phase(v1.PodSucceeded))}, create: 2},
		{name: "ending pods do not count", set: newSet(1), pods: []*v1.Pod{newPod("a", ending)}, create: 1},
		{name: "many at once are bounded", set: newSet(2000), create: 500},
		{name: "set under deletion", set: func() *apps.ReplicaSet { s := newSet(3); s.DeletionTimestamp = &metav1.Time{Time: start}; return s }()},
		{name: "unassigned goes first", set: newSet(1), pods: []*v1.Pod{newPod("a"), newPod("b", on(""))}, remove: []string{"b"}},
		{name: "pending goes first", set: newSet(1), pods: []*v1.Pod{newPod("a"), newPod("b", phase(v1.PodPending))}, remove: []string{"b"}},
		{name: "not ready goes first", set: newSet(1), pods: []*v1.Pod{newPod("a", ready(start)), newPod("b")}, remove: []string{"b"}},
		{name: "cheap goes first", set: newSet(1), pods: []*v1.Pod{newPod("a", ready(start), cost("10")), newPod("b", ready(start), cost("-5"))}, remove: []string{"b"}},
		{
			name: "crowded node first", set: newSet(1), neighbours: map[string]int{"n1": 1, "n2": 3},
			pods: []*v1.Pod{newPod("a", ready(start)), newPod("b", ready(start), on("n2"))}, remove: []string{"b"},
		},
		{
			name: "ready for a shorter time first", set: newSet(1),
			pods: []*v1.Pod{newPod("a", ready(start)), newPod("b", ready(hour.Add(-time.Second)))}, remove: []string{"b"},
		},
		{name: "all", set: newSet(0), pods: []*v1.Pod{newPod("a", ready(start)), newPod("b")}, remove: []string{"b", "a"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			out := plan(observed{set: test.set, pods: test.pods, neighbours: test.neighbours, now: hour})
			var removed []string
			for _, pod := range out.remove {
				removed = append(removed, pod.Name)
			}
			if out.create != test.create {
				t.Errorf("creates %d pods, want %d", out.create, test.create)
			}
			if diff := cmp.Diff(test.remove, removed); diff != "" {
				t.Errorf("deleted pods (-want +got):\n%s", diff)
			}
		})
	}
}

func TestStatus(t *testing.T) {
	set := newSet(3)
	set.Spec.MinReadySeconds = 60
	other := newPod("other", ready(start))
	other.Labels = map[string]string{"app": "web", "more": "x"}
	set.Spec.Template.Labels = map[string]string{"app": "web", "more": "x"}
	o := observed{set: set, countEnding: true, now: start.Add(70 * time.Second), pods: []*v1.Pod{
		newPod("long", ready(start)), newPod("short", ready(start.Add(30*time.Second))), other,
		newPod("unready"), newPod("ending", ending), newPod("failed", phase(v1.PodFailed)),
	}}
	got, after := status(o, outcome{create: 1}, errors.New("quota"))
	one := int32(1)
	want := apps.ReplicaSetStatus{
		Replicas: 4, FullyLabeledReplicas: 1, ReadyReplicas: 3, AvailableReplicas: 2, TerminatingReplicas: &one, ObservedGeneration: 2,
		Conditions: []apps.ReplicaSetCondition{{
			Type: apps.ReplicaSetReplicaFailure, Status: v1.ConditionTrue, Reason: "FailedCreate", Message: "quota",
			LastTransitionTime: metav1.NewTime(o.now),
		}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("status (-want +got):\n%s", diff)
	}
	if after != 20*time.Second {
		t.Errorf("status changes after %v, want 20s", after)
	}
	set.Status = got
	later := o
	later.now = o.now.Add(time.Second)
	if again, _ := status(later, outcome{create: 1}, errors.New("quota, another pod")); !cmp.Equal(want.Conditions, again.Conditions) {
		t.Errorf("the next failure changes the condition, which wakes the set at once (-first +next):\n%s", cmp.Diff(want.Conditions, again.Conditions))
	}
	if other, _ := status(later, outcome{remove: o.pods}, errors.New("forbidden")); other.Conditions[0].Reason != "FailedDelete" || !other.Conditions[0].LastTransitionTime.Time.Equal(later.now) {
		t.Errorf("after another kind of failure: %v", other.Conditions)
	}
	if got, _ := status(o, outcome{}, nil); len(got.Conditions) != 0 {
		t.Errorf("conditions after success: %v", got.Conditions)
	}
}
