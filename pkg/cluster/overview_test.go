package cluster

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/proa-sh/proa/pkg/cluster/control"
)

func TestStateOfNode(t *testing.T) {
	node := func(conditions ...corev1.NodeCondition) *corev1.Node {
		return &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n"}, Status: corev1.NodeStatus{Conditions: conditions}}
	}
	for _, test := range []struct {
		node *corev1.Node
		want string
	}{
		{node(corev1.NodeCondition{Type: corev1.NodeReady, Status: corev1.ConditionTrue}), ""},
		{node(corev1.NodeCondition{Type: corev1.NodeReady, Status: corev1.ConditionFalse, Reason: "KubeletNotReady", Message: "no network"}), "KubeletNotReady: no network"},
		{node(), "it has not told how it is"},
	} {
		if diff := cmp.Diff(control.Node{Name: "n", Fault: test.want}, stateOf(test.node)); diff != "" {
			t.Error(diff)
		}
	}
}

func TestCountPods(t *testing.T) {
	ready := []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}
	ending := metav1.ObjectMeta{DeletionTimestamp: &metav1.Time{}}
	got := count([]*corev1.Pod{
		{Status: corev1.PodStatus{Phase: corev1.PodRunning, Conditions: ready}},
		{Status: corev1.PodStatus{Phase: corev1.PodRunning}},
		{Status: corev1.PodStatus{Phase: corev1.PodPending}},
		{Status: corev1.PodStatus{Phase: corev1.PodSucceeded}},
		{Status: corev1.PodStatus{Phase: corev1.PodFailed}, ObjectMeta: ending},
		{Status: corev1.PodStatus{Phase: corev1.PodRunning, Conditions: ready}, ObjectMeta: ending},
	})
	if diff := cmp.Diff(&control.Pods{All: 6, Ready: 1, Completed: 1, Failed: 1, Ending: 1}, got); diff != "" {
		t.Error(diff)
	}
}
