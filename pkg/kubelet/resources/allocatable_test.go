package resources

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

func TestAllocatable(t *testing.T) {
	q := resource.MustParse
	capacity := v1.ResourceList{
		v1.ResourceCPU: q("4"), v1.ResourceMemory: q("8Gi"), v1.ResourceEphemeralStorage: q("100Gi"), v1.ResourcePods: q("110"),
		"hugepages-2Mi": q("1Gi"),
	}
	eviction, err := ParseThresholds(DefaultEviction())
	if err != nil {
		t.Fatal(err)
	}
	reserved := Reserved{
		Kube:     v1.ResourceList{v1.ResourceCPU: q("500m"), v1.ResourceMemory: q("1Gi")},
		System:   v1.ResourceList{v1.ResourceCPU: q("250m"), v1.ResourceMemory: q("512Mi"), v1.ResourceEphemeralStorage: q("1Gi")},
		Eviction: eviction,
	}
	// 8Gi - 1Gi - 512Mi - 100Mi - 1Gi of huge pages; 100Gi - 1Gi - 10 %.
	want := v1.ResourceList{
		v1.ResourceCPU: q("3250m"), v1.ResourceMemory: q("5532Mi"), v1.ResourceEphemeralStorage: q("89Gi"), v1.ResourcePods: q("110"),
		"hugepages-2Mi": q("1Gi"),
	}
	if diff := cmp.Diff(want, Allocatable(capacity, reserved)); diff != "" {
		t.Errorf("allocatable (-want +got):\n%s", diff)
	}
	wantLimits := Limits{CPUShares: 3328, Memory: 6656 << 20}
	if diff := cmp.Diff(wantLimits, NodeLimits(capacity, reserved)); diff != "" {
		t.Errorf("limits (-want +got):\n%s", diff)
	}
	greedy := Allocatable(capacity, Reserved{System: v1.ResourceList{v1.ResourceMemory: q("64Gi")}, Eviction: eviction})
	if memory := greedy[v1.ResourceMemory]; !memory.IsZero() {
		t.Errorf("memory is %s although more is reserved than there is", memory.String())
	}
}

func TestParseThresholds(t *testing.T) {
	got, err := ParseThresholds(map[string]string{"memory.available": "1Gi", "nodefs.available": "12.5%"})
	want := map[string]Threshold{"memory.available": {Quantity: resource.MustParse("1Gi")}, "nodefs.available": {Part: 0.125}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	for signal, text := range map[string]string{"memory.free": "1Gi", "memory.available": "-1Gi", "nodefs.available": "101%", "pid.available": "x"} {
		if _, err := ParseThresholds(map[string]string{signal: text}); err == nil {
			t.Errorf("%s=%s was accepted", signal, text)
		}
	}
}
