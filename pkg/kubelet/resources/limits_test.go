package resources

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

func TestShares(t *testing.T) {
	for milli, want := range map[int64]int64{0: 2, 1: 2, 2: 2, 100: 102, 1000: 1024, 1_000_000: 262144} {
		if got := Shares(milli); got != want {
			t.Errorf("Shares(%d) = %d, want %d", milli, got, want)
		}
	}
}

func TestQuota(t *testing.T) {
	for _, tc := range []struct {
		milli, want int64
		period      time.Duration
	}{
		{0, -1, DefaultQuotaPeriod},
		{1, 1000, DefaultQuotaPeriod},
		{10, 1000, DefaultQuotaPeriod},
		{500, 50000, DefaultQuotaPeriod},
		{2000, 200000, DefaultQuotaPeriod},
		{500, 2500, 5 * time.Millisecond},
	} {
		if got := Quota(tc.milli, tc.period); got != tc.want {
			t.Errorf("Quota(%d, %s) = %d, want %d", tc.milli, tc.period, got, tc.want)
		}
	}
}

func TestPodLimits(t *testing.T) {
	policy := Policy{CPUQuota: true, PodPids: 100, HugePageSizes: []string{"2MB", "1GB"}}.defaults()
	unquotaed := policy
	unquotaed.CPUQuota = false
	none := map[string]int64{"2MB": 0, "1GB": 0}
	mixed := testPod("m", "100m", "1", "64Mi")
	mixed.Spec.Containers = append(mixed.Spec.Containers, v1.Container{Name: "open"})
	pages := testPod("h", "1", "1", "64Mi")
	pages.Spec.Containers[0].Resources.Limits["hugepages-2Mi"] = resource.MustParse("6Mi")
	overhead := testPod("o", "1", "1", "64Mi")
	overhead.Spec.Overhead = v1.ResourceList{v1.ResourceCPU: resource.MustParse("250m"), v1.ResourceMemory: resource.MustParse("16Mi")}
	podLevel := testPod("p", "", "", "")
	podLevel.Spec.Resources = &v1.ResourceRequirements{
		Requests: v1.ResourceList{v1.ResourceCPU: resource.MustParse("1")},
		Limits:   v1.ResourceList{v1.ResourceCPU: resource.MustParse("2"), v1.ResourceMemory: resource.MustParse("1Gi")},
	}
	for _, tc := range []struct {
		name   string
		pod    *v1.Pod
		policy Policy
		want   Limits
	}{
		{"best effort", testPod("e", "", "", ""), policy, Limits{2, -1, 100000, -1, 100, none}},
		{"guaranteed", testPod("g", "500m", "500m", "64Mi"), policy, Limits{512, 50000, 100000, 64 << 20, 100, none}},
		{"burstable without limits", testPod("b", "500m", "", ""), policy, Limits{512, -1, 100000, -1, 100, none}},
		{"one container without limits", mixed, policy, Limits{102, -1, 100000, -1, 100, none}},
		{"no quota by policy", testPod("g", "500m", "500m", "64Mi"), unquotaed, Limits{512, -1, 100000, 64 << 20, 100, none}},
		{"huge pages", pages, policy, Limits{1024, 100000, 100000, 64 << 20, 100, map[string]int64{"2MB": 6 << 20, "1GB": 0}}},
		{"overhead", overhead, policy, Limits{1280, 125000, 100000, 80 << 20, 100, none}},
		{"pod level", podLevel, policy, Limits{1024, 200000, 100000, 1 << 30, 100, none}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, PodLimits(tc.pod, tc.policy)); diff != "" {
				t.Errorf("limits (-want +got):\n%s", diff)
			}
		})
	}
}

func TestFormatPageSize(t *testing.T) {
	for bytes, want := range map[int64]string{2 << 20: "2MB", 1 << 30: "1GB", 64 << 10: "64KB", 512 << 20: "512MB"} {
		if got := formatPageSize(bytes); got != want {
			t.Errorf("formatPageSize(%d) = %s, want %s", bytes, got, want)
		}
	}
}

func TestValues(t *testing.T) {
	limits := Limits{CPUShares: 1024, CPUQuota: -1, CPUPeriod: 100000, Memory: 4096, Pids: -1, HugePages: map[string]int64{"2MB": 0}}
	v1Files := []setting{
		{"cpu", "cpu.shares", "1024"},
		{"cpu", "cpu.cfs_period_us", "100000"},
		{"cpu", "cpu.cfs_quota_us", "-1"},
		{"memory", "memory.limit_in_bytes", "4096"},
		{"pids", "pids.max", "max"},
		{"hugetlb", "hugetlb.2MB.limit_in_bytes", "0"},
	}
	v2Files := []setting{
		{"cpu", "cpu.weight", "100"},
		{"cpu", "cpu.max", "max 100000"},
		{"memory", "memory.max", "4096"},
		{"pids", "pids.max", "max"},
		{"hugetlb", "hugetlb.2MB.max", "0"},
	}
	if diff := cmp.Diff(v1Files, valuesV1(limits), cmp.AllowUnexported(setting{})); diff != "" {
		t.Errorf("version 1 (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(v2Files, valuesV2(limits), cmp.AllowUnexported(setting{})); diff != "" {
		t.Errorf("version 2 (-want +got):\n%s", diff)
	}
	if got := append(valuesV1(Limits{}), valuesV2(Limits{})...); len(got) > 0 {
		t.Errorf("no limits write %v", got)
	}
}
