package core

import (
	"testing"

	v1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"github.com/proa-sh/proa/staging/apirules/internal/rulestest"
)

func TestValidateResources(t *testing.T) {
	const c = "spec.containers[0].resources"
	res := func(requests, limits v1.ResourceList) func(*v1.Pod) {
		return container(func(c *v1.Container) { c.Resources = v1.ResourceRequirements{Requests: requests, Limits: limits} })
	}
	claims := func(list ...v1.ResourceClaim) func(*v1.Pod) {
		return func(p *v1.Pod) {
			p.Spec.ResourceClaims = []v1.PodResourceClaim{{Name: "a", ResourceClaimName: ptr.To("x")}}
			p.Spec.Containers[0].Resources.Claims = list
		}
	}
	rulestest.Cases(t, validPod, ValidatePod, []podCase{
		{Name: "good", Change: res(list("cpu", "1", "memory", "1Gi", "example.com/gpu", "1"), list("cpu", "2", "example.com/gpu", "1"))},
		{Name: "negative", Change: res(list("cpu", "-1"), nil), Want: []string{invalid(c + ".requests[cpu]")}},
		{Name: "unknown", Change: res(nil, list("gpu", "1")), Want: []string{invalid(c + ".limits[gpu]")}},
		{Name: "of quotas", Change: res(list("pods", "1"), nil), Want: []string{invalid(c + ".requests[pods]")}},
		{Name: "kubernetes.io", Change: res(list("kubernetes.io/x", "1"), nil)},
		{Name: "request above limit", Change: res(list("cpu", "2"), list("cpu", "1")), Want: []string{invalid(c + ".requests[cpu]")}},
		{Name: "extended without limit", Change: res(list("example.com/gpu", "1"), nil), Want: []string{required(c + ".limits")}},
		{Name: "extended in parts", Change: res(list("example.com/gpu", "500m"), list("example.com/gpu", "500m")), Want: []string{invalid(c + ".requests[example.com/gpu]"), invalid(c + ".limits[example.com/gpu]")}},
		{Name: "extended overcommitted", Change: res(list("example.com/gpu", "1"), list("example.com/gpu", "2")), Want: []string{invalid(c + ".requests[example.com/gpu]")}},
		{Name: "huge pages alone", Change: res(nil, list("hugepages-2Mi", "2Mi")), Want: []string{forbidden(c)}},
		{Name: "half a huge page", Change: res(list("cpu", "1"), list("hugepages-2Mi", "3Mi")), Want: []string{invalid(c + ".limits[hugepages-2Mi]")}},
		{Name: "claim", Change: claims(v1.ResourceClaim{Name: "a"})},
		{Name: "claim twice", Change: claims(v1.ResourceClaim{Name: "a"}, v1.ResourceClaim{Name: "a", Request: "r"}), Want: []string{duplicate(c + ".claims[1]")}},
		{Name: "no such claim", Change: claims(v1.ResourceClaim{Name: "b"}), Want: []string{notFound(c + ".claims[0]")}},
		{Name: "claim sources", Change: func(p *v1.Pod) {
			p.Spec.ResourceClaims = []v1.PodResourceClaim{{Name: "a"}, {Name: "a", ResourceClaimName: ptr.To("A")}}
		}, Want: []string{invalid("spec.resourceClaims[0]"), duplicate("spec.resourceClaims[1].name"), invalid("spec.resourceClaims[1].resourceClaimName")}},
		{Name: "resize policy", Change: container(func(c *v1.Container) {
			c.ResizePolicy = []v1.ContainerResizePolicy{{ResourceName: "cpu", RestartPolicy: v1.NotRequired}, {ResourceName: "cpu", RestartPolicy: "x"}, {ResourceName: "disk", RestartPolicy: v1.NotRequired}}
		}), Want: []string{duplicate("spec.containers[0].resizePolicy[1]"), notSupported("spec.containers[0].resizePolicy")}},
	})
}

func TestValidatePodLevelResources(t *testing.T) {
	pod := func() *v1.Pod {
		p := validPod()
		p.Spec.Containers[0].Resources.Requests = list("cpu", "1")
		p.Spec.Containers[0].Resources.Limits = list("cpu", "2")
		p.Spec.Resources = &v1.ResourceRequirements{Requests: list("cpu", "1"), Limits: list("cpu", "2")}
		return p
	}
	rulestest.Cases(t, pod, ValidatePod, []podCase{
		{Name: "less than the containers", Change: spec(func(s *v1.PodSpec) { s.Resources.Requests = list("cpu", "500m") }), Want: []string{invalid("spec.resources.requests[cpu]")}},
		{Name: "below a container's limit", Change: spec(func(s *v1.PodSpec) { s.Resources.Limits = list("cpu", "1") }), Want: []string{invalid("spec.containers[0].resources.limits[cpu]")}},
		{Name: "unsupported", Change: spec(func(s *v1.PodSpec) { s.Resources.Requests["ephemeral-storage"] = quantity("1") }), Want: []string{notSupported("spec.resources.requests[ephemeral-storage]")}},
		{Name: "claims", Change: spec(func(s *v1.PodSpec) { s.Resources.Claims = []v1.ResourceClaim{{Name: "a"}} }), Want: []string{forbidden("spec.resources.claims")}},
	})
}

func TestResourceMessages(t *testing.T) {
	pod := validPod()
	pod.Spec.Containers[0].Resources = v1.ResourceRequirements{Requests: list("memory", "2Gi", "hugepages-2Mi", "4Mi"), Limits: list("memory", "1Gi", "hugepages-2Mi", "2Mi")}
	rulestest.Message(t, ValidatePod(pod), `spec.containers[0].resources.requests[memory]: Invalid value: "2Gi": must be less than or equal to memory limit of 1Gi`)
	rulestest.Message(t, ValidatePod(pod), `spec.containers[0].resources.requests[hugepages-2Mi]: Invalid value: "4Mi": must be equal to hugepages-2Mi limit of 2Mi`)
}

func TestQOSClass(t *testing.T) {
	both := func(l ...string) v1.ResourceRequirements {
		return v1.ResourceRequirements{Requests: list(l...), Limits: list(l...)}
	}
	for _, c := range []struct {
		name string
		spec v1.PodSpec
		want v1.PodQOSClass
	}{
		{"nothing", v1.PodSpec{Containers: []v1.Container{{}}}, v1.PodQOSBestEffort},
		{"zero", v1.PodSpec{Containers: []v1.Container{{Resources: both("cpu", "0")}}}, v1.PodQOSBestEffort},
		{"all", v1.PodSpec{Containers: []v1.Container{{Resources: both("cpu", "1", "memory", "1")}}}, v1.PodQOSGuaranteed},
		{"no memory", v1.PodSpec{Containers: []v1.Container{{Resources: both("cpu", "1")}}}, v1.PodQOSBurstable},
		{"one without", v1.PodSpec{Containers: []v1.Container{{Resources: both("cpu", "1", "memory", "1")}, {}}}, v1.PodQOSBurstable},
		{"init without", v1.PodSpec{InitContainers: []v1.Container{{}}, Containers: []v1.Container{{Resources: both("cpu", "1", "memory", "1")}}}, v1.PodQOSBurstable},
		{"less requested", v1.PodSpec{Containers: []v1.Container{{Resources: v1.ResourceRequirements{Requests: list("cpu", "1", "memory", "1"), Limits: list("cpu", "2", "memory", "1")}}}}, v1.PodQOSBurstable},
		{"pod level", v1.PodSpec{Resources: ptr.To(both("cpu", "1", "memory", "1")), Containers: []v1.Container{{}}}, v1.PodQOSGuaranteed},
	} {
		if got := QOSClass(&c.spec); got != c.want {
			t.Errorf("%s: QOSClass = %s, want %s", c.name, got, c.want)
		}
	}
}
