package pods

import (
	"testing"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

func TestQOS(t *testing.T) {
	list := func(cpu, memory string) v1.ResourceList {
		l := v1.ResourceList{}
		if cpu != "" {
			l[v1.ResourceCPU] = resource.MustParse(cpu)
		}
		if memory != "" {
			l[v1.ResourceMemory] = resource.MustParse(memory)
		}
		return l
	}
	c := func(requests, limits v1.ResourceList) v1.Container {
		return v1.Container{Resources: v1.ResourceRequirements{Requests: requests, Limits: limits}}
	}
	full := c(list("1", "1Gi"), list("1", "1Gi"))
	for _, tc := range []struct {
		name string
		pod  v1.Pod
		want v1.PodQOSClass
	}{
		{"nothing", v1.Pod{Spec: v1.PodSpec{Containers: []v1.Container{{}}}}, v1.PodQOSBestEffort},
		{"all equal", v1.Pod{Spec: v1.PodSpec{Containers: []v1.Container{full, full}}}, v1.PodQOSGuaranteed},
		{"limits only", v1.Pod{Spec: v1.PodSpec{Containers: []v1.Container{c(nil, list("1", "1Gi"))}}}, v1.PodQOSGuaranteed},
		{"one container without", v1.Pod{Spec: v1.PodSpec{Containers: []v1.Container{full, {}}}}, v1.PodQOSBurstable},
		{"init container without", v1.Pod{Spec: v1.PodSpec{InitContainers: []v1.Container{{}}, Containers: []v1.Container{full}}}, v1.PodQOSBurstable},
		{"request below limit", v1.Pod{Spec: v1.PodSpec{Containers: []v1.Container{c(list("1", "1Gi"), list("2", "1Gi"))}}}, v1.PodQOSBurstable},
		{"cpu only", v1.Pod{Spec: v1.PodSpec{Containers: []v1.Container{c(list("1", ""), list("1", ""))}}}, v1.PodQOSBurstable},
		{"zero counts as none", v1.Pod{Spec: v1.PodSpec{Containers: []v1.Container{c(list("0", "0"), nil)}}}, v1.PodQOSBestEffort},
		{"pod level wins", v1.Pod{Spec: v1.PodSpec{
			Resources:  &v1.ResourceRequirements{Requests: list("1", "1Gi"), Limits: list("1", "1Gi")},
			Containers: []v1.Container{{}},
		}}, v1.PodQOSGuaranteed},
		{"status wins", v1.Pod{Status: v1.PodStatus{QOSClass: v1.PodQOSBurstable}, Spec: v1.PodSpec{Containers: []v1.Container{{}}}}, v1.PodQOSBurstable},
	} {
		if got := QOS(&tc.pod); got != tc.want {
			t.Errorf("%s: %s, want %s", tc.name, got, tc.want)
		}
	}
}
