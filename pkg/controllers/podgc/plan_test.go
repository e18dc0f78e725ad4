package podgc

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func newPod(name, node string, ending bool, phase v1.PodPhase) *v1.Pod {
	pod := &v1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name}, Spec: v1.PodSpec{NodeName: node}, Status: v1.PodStatus{Phase: phase}}
	if ending {
		pod.DeletionTimestamp = &metav1.Time{Time: start}
	}
	return pod
}

func TestPlan(t *testing.T) {
	healthy := &v1.Node{Status: v1.NodeStatus{Conditions: []v1.NodeCondition{{Type: v1.NodeReady, Status: v1.ConditionTrue}}}}
	out := &v1.Node{Spec: v1.NodeSpec{Taints: []v1.Taint{{Key: v1.TaintNodeOutOfService, Effect: v1.TaintEffectNoExecute}}}}
	wrongly := healthy.DeepCopy()
	wrongly.Spec = out.Spec
	tests := []struct {
		name   string
		pod    *v1.Pod
		node   *v1.Node
		passed time.Duration
		want   string
		after  time.Duration
	}{
		{"waits for a node", newPod("p", "", false, v1.PodPending), nil, 0, "", 0},
		{"ends without a node", newPod("p", "", true, v1.PodPending), nil, 0, "PodGC: unscheduled pod is being deleted", 0},
		{"runs", newPod("p", "n", false, v1.PodRunning), healthy, 0, "", 0},
		{"ends where it ran", newPod("p", "n", true, v1.PodRunning), healthy, 0, "", 0},
		{"node gone of late", newPod("p", "n", false, v1.PodRunning), nil, 10 * time.Second, "", 30 * time.Second},
		{"node gone", newPod("p", "n", false, v1.PodRunning), nil, time.Minute, "PodGC: node no longer exists", 0},
		{"ends on a node out of service", newPod("p", "n", true, v1.PodRunning), out, 0, "PodGC: node is out of service", 0},
		{"runs on a node out of service", newPod("p", "n", false, v1.PodRunning), out, 0, "", 0},
		{"node is ready after all", newPod("p", "n", true, v1.PodRunning), wrongly, 0, "", 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			out := plan(test.pod, test.node, start, start.Add(test.passed))
			if out.message != test.want || out.after != test.after {
				t.Errorf("%q after %v, want %q after %v", out.message, out.after, test.want, test.after)
			}
		})
	}
}

func TestSurplus(t *testing.T) {
	at := func(pod *v1.Pod, minute int, reason string) *v1.Pod {
		pod.CreationTimestamp = metav1.NewTime(start.Add(time.Duration(minute) * time.Minute))
		pod.Status.Reason = reason
		return pod
	}
	all := []*v1.Pod{
		at(newPod("old", "n", false, v1.PodSucceeded), 1, ""), at(newPod("older", "n", false, v1.PodFailed), 0, ""), at(newPod("new", "n", false, v1.PodFailed), 3, ""),
		at(newPod("evicted", "n", false, v1.PodFailed), 4, "Evicted"), at(newPod("runs", "n", false, v1.PodRunning), 0, ""), at(newPod("ending", "n", true, v1.PodFailed), 0, ""),
	}
	for most, want := range map[int][]string{0: nil, 1: {"evicted", "older", "old"}, 3: {"evicted"}, 9: nil} {
		var got []string
		for _, pod := range surplus(all, most) {
			got = append(got, pod.Name)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("beyond %d (-want +got):\n%s", most, diff)
		}
	}
}
