package node

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestStatus(t *testing.T) {
	before := metav1.NewTime(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	now := metav1.NewTime(before.Add(time.Minute))
	condition := func(kind v1.NodeConditionType, status v1.ConditionStatus, turned metav1.Time, reason, message string) v1.NodeCondition {
		return v1.NodeCondition{Type: kind, Status: status, LastHeartbeatTime: now, LastTransitionTime: turned, Reason: reason, Message: message}
	}
	good := func(turned metav1.Time) []v1.NodeCondition {
		return []v1.NodeCondition{
			condition(v1.NodeMemoryPressure, v1.ConditionFalse, turned, "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
			condition(v1.NodeDiskPressure, v1.ConditionFalse, turned, "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
			condition(v1.NodePIDPressure, v1.ConditionFalse, turned, "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
			condition(v1.NodeReady, v1.ConditionTrue, turned, "KubeletReady", "kubelet is posting ready status"),
		}
	}
	foreign := v1.NodeCondition{Type: v1.NodeNetworkUnavailable, Status: v1.ConditionFalse, LastHeartbeatTime: before, LastTransitionTime: before}
	cpu := func(n string) v1.ResourceList { return v1.ResourceList{v1.ResourceCPU: resource.MustParse(n)} }
	previous := v1.NodeStatus{
		Capacity:   v1.ResourceList{v1.ResourceCPU: resource.MustParse("1"), "example.com/dongle": resource.MustParse("4"), "hugepages-2Mi": resource.MustParse("2Mi")},
		Conditions: append([]v1.NodeCondition{foreign}, good(before)...),
		Phase:      v1.NodeRunning,
	}
	turned := append([]v1.NodeCondition{foreign}, good(before)...)
	turned[1] = condition(v1.NodeMemoryPressure, v1.ConditionTrue, now, "KubeletHasInsufficientMemory", "kubelet has insufficient memory available")
	turned[4] = condition(v1.NodeReady, v1.ConditionFalse, now, "KubeletNotReady", "[runtime is away, disk is full]")
	for _, tc := range []struct {
		name     string
		observed Observed
		previous v1.NodeStatus
		want     v1.NodeStatus
	}{
		{"first", Observed{Capacity: cpu("2"), KubeletPort: 10250}, v1.NodeStatus{}, v1.NodeStatus{
			Capacity: cpu("2"), Conditions: good(now),
			DaemonEndpoints: v1.NodeDaemonEndpoints{KubeletEndpoint: v1.DaemonEndpoint{Port: 10250}},
		}},
		{"what others wrote stays", Observed{Capacity: cpu("2")}, previous, v1.NodeStatus{
			Capacity:   v1.ResourceList{v1.ResourceCPU: resource.MustParse("2"), "example.com/dongle": resource.MustParse("4")},
			Conditions: append([]v1.NodeCondition{foreign}, good(before)...), Phase: v1.NodeRunning,
		}},
		{"conditions turn", Observed{Pressure: Pressure{Memory: true}, NotReady: []string{"runtime is away", "disk is full"}},
			v1.NodeStatus{Conditions: previous.Conditions}, v1.NodeStatus{Conditions: turned}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			kept := tc.previous.DeepCopy()
			if diff := cmp.Diff(tc.want, Status(tc.observed, tc.previous, now)); diff != "" {
				t.Errorf("status (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(*kept, tc.previous); diff != "" {
				t.Errorf("the previous status was changed:\n%s", diff)
			}
		})
	}
}

func TestTransitions(t *testing.T) {
	now := metav1.Now()
	fine := Status(Observed{}, v1.NodeStatus{}, now)
	bad := Status(Observed{Pressure: Pressure{true, true, true}, NotReady: []string{"x"}}, fine, now)
	for _, tc := range []struct {
		name     string
		from, to v1.NodeStatus
		want     []string
	}{
		{"first", v1.NodeStatus{}, fine, []string{"NodeHasSufficientMemory", "NodeHasNoDiskPressure", "NodeHasSufficientPID", "NodeReady"}},
		{"nothing", fine, fine, nil},
		{"all", fine, bad, []string{"NodeHasInsufficientMemory", "NodeHasDiskPressure", "NodeHasInsufficientPID", "NodeNotReady"}},
	} {
		var got []string
		for _, turn := range transitions("n1", tc.from, tc.to) {
			got = append(got, turn.reason)
			if want := "Node n1 status is now: " + turn.reason; turn.message != want {
				t.Errorf("message %q, want %q", turn.message, want)
			}
		}
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.name, diff)
		}
	}
}

func TestDiffers(t *testing.T) {
	early := Status(Observed{}, v1.NodeStatus{}, metav1.NewTime(time.Unix(1, 0)))
	late := Status(Observed{}, early, metav1.NewTime(time.Unix(100, 0)))
	if differs(early, late) {
		t.Error("a heartbeat alone is a difference")
	}
	if !differs(early, Status(Observed{NotReady: []string{"x"}}, early, metav1.NewTime(time.Unix(100, 0)))) {
		t.Error("no difference between Ready and not")
	}
}
