package podstate

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

func cpu(text string) v1.ResourceList {
	if text == "" {
		return nil
	}
	return v1.ResourceList{v1.ResourceCPU: resource.MustParse(text)}
}

func amounts(request, limit string) v1.ResourceRequirements {
	return v1.ResourceRequirements{Requests: cpu(request), Limits: cpu(limit)}
}

// TestAllocation: the larger of two allocations, in which a limit that one does not have is none, and whether they are the same.
func TestAllocation(t *testing.T) {
	for name, tc := range map[string]struct {
		a, b, larger v1.ResourceRequirements
		same         bool
	}{
		"the same":             {amounts("1", "2"), amounts("1000m", "2"), amounts("1", "2"), true},
		"one more, one less":   {amounts("1", "4"), amounts("2", "3"), amounts("2", "4"), false},
		"a limit comes":        {amounts("1", ""), amounts("1", "2"), amounts("1", ""), false},
		"a request comes":      {amounts("", "2"), amounts("1", "2"), amounts("1", "2"), false},
		"nothing and nothing":  {amounts("", ""), amounts("", ""), amounts("", ""), true},
		"a request of nothing": {amounts("0", ""), amounts("", ""), amounts("0", ""), true},
	} {
		a := Allocation{Pod: &tc.a, Containers: map[string]v1.ResourceRequirements{"c": tc.a, "gone": tc.a}}
		b := Allocation{Pod: &tc.b, Containers: map[string]v1.ResourceRequirements{"c": tc.b, "new": tc.b}}
		if got := a.Same(b); got != tc.same {
			t.Errorf("%s: same is %v", name, got)
		}
		got := a.Larger(b)
		for where, r := range map[string]v1.ResourceRequirements{"pod": *got.Pod, "container": got.Containers["c"]} {
			if r.Requests.Cpu().Cmp(*tc.larger.Requests.Cpu()) != 0 || r.Limits.Cpu().Cmp(*tc.larger.Limits.Cpu()) != 0 {
				t.Errorf("%s: larger %s is %v, want %v", name, where, r, tc.larger)
			}
		}
	}
	pod := &v1.Pod{Spec: v1.PodSpec{Containers: []v1.Container{{Name: "c", Resources: amounts("1", "2")}}}}
	if got := AllocationOf(pod).On(pod); got != pod {
		t.Error("a pod that has its allocation already was copied")
	}
	granted := Allocation{Containers: map[string]v1.ResourceRequirements{"c": amounts("3", "4")}}
	if got := granted.On(pod); got.Spec.Containers[0].Resources.Requests.Cpu().Value() != 3 || pod.Spec.Containers[0].Resources.Requests.Cpu().Value() != 1 {
		t.Errorf("granted %v on a pod that has %v", got.Spec.Containers[0].Resources, pod.Spec.Containers[0].Resources)
	}
}

// TestAllocationShown: what the API shows as granted counts for CPU and memory, the spec for all else and for who is not shown.
func TestAllocationShown(t *testing.T) {
	spec := amounts("2", "2")
	spec.Requests[v1.ResourceEphemeralStorage] = resource.MustParse("1Gi")
	pod := &v1.Pod{Spec: v1.PodSpec{
		Resources:  new(amounts("8", "8")),
		Containers: []v1.Container{{Name: "shown", Resources: spec}, {Name: "new", Resources: spec}},
	}, Status: v1.PodStatus{
		AllocatedResources: cpu("4"), Resources: new(amounts("4", "5")),
		ContainerStatuses: []v1.ContainerStatus{
			{Name: "shown", AllocatedResources: cpu("1"), Resources: new(amounts("1", ""))}, {Name: "new"},
		},
	}}
	shown := *spec.DeepCopy()
	shown.Requests[v1.ResourceCPU], shown.Limits = resource.MustParse("1"), v1.ResourceList{}
	want := Allocation{Pod: new(amounts("4", "5")), Containers: map[string]v1.ResourceRequirements{"shown": shown, "new": spec}}
	if diff := cmp.Diff(want, AllocationShown(pod)); diff != "" {
		t.Errorf("allocation (-want +got):\n%s", diff)
	}
	if pod.Spec.Containers[0].Resources.Requests.Cpu().Value() != 2 {
		t.Error("the pod was changed")
	}
}
