package pods

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

func TestBindingLimits(t *testing.T) {
	limits := func(cpu, memory string) v1.ResourceList {
		list := v1.ResourceList{}
		if cpu != "" {
			list[v1.ResourceCPU] = resource.MustParse(cpu)
		}
		if memory != "" {
			list[v1.ResourceMemory] = resource.MustParse(memory)
		}
		return list
	}
	container := func(cpu, memory string) v1.Container {
		return v1.Container{Resources: v1.ResourceRequirements{Limits: limits(cpu, memory)}}
	}
	for _, tc := range []struct {
		name string
		spec v1.PodSpec
		want v1.ResourceList
	}{
		{"all containers bound", v1.PodSpec{Containers: []v1.Container{container("1", "1Gi"), container("500m", "1Gi")}}, limits("1500m", "2Gi")},
		{"one without memory", v1.PodSpec{Containers: []v1.Container{container("1", "1Gi"), container("500m", "")}}, limits("1500m", "")},
		{"init container without any", v1.PodSpec{InitContainers: []v1.Container{container("", "")}, Containers: []v1.Container{container("1", "1Gi")}}, limits("", "")},
		{"pod limit binds what containers leave open", v1.PodSpec{
			Resources:  &v1.ResourceRequirements{Limits: limits("", "3Gi")},
			Containers: []v1.Container{container("1", ""), container("", "1Gi")},
		}, limits("", "3Gi")},
		{"overhead is added", v1.PodSpec{Overhead: limits("100m", "1Gi"), Containers: []v1.Container{container("1", "1Gi")}}, limits("1100m", "2Gi")},
		{"none", v1.PodSpec{Containers: []v1.Container{container("", "")}}, limits("", "")},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, BindingLimits(&v1.Pod{Spec: tc.spec})); diff != "" {
				t.Errorf("limits (-want +got):\n%s", diff)
			}
		})
	}
}
