package pods

import (
	"testing"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestFieldValue(t *testing.T) {
	pod := &v1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Name: "web", Namespace: "shop", UID: "1-2",
			Labels:      map[string]string{"b": "2", "a": "one \"two\""},
			Annotations: map[string]string{"Example.com/Key": "v"},
		},
		Spec:   v1.PodSpec{NodeName: "n1", ServiceAccountName: "sa"},
		Status: v1.PodStatus{HostIP: "10.0.0.1", PodIP: "10.1.0.1", PodIPs: []v1.PodIP{{IP: "10.1.0.1"}, {IP: "fd00::1"}}, HostIPs: []v1.HostIP{{IP: "10.0.0.1"}}},
	}
	for path, want := range map[string]string{
		"metadata.name":                           "web",
		"metadata.namespace":                      "shop",
		"metadata.uid":                            "1-2",
		"metadata.labels":                         "a=\"one \\\"two\\\"\"\nb=\"2\"",
		"metadata.labels['b']":                    "2",
		"metadata.labels['none']":                 "",
		"metadata.annotations['Example.com/Key']": "v",
		"spec.nodeName":                           "n1",
		"spec.serviceAccountName":                 "sa",
		"status.hostIP":                           "10.0.0.1",
		"status.hostIPs":                          "10.0.0.1",
		"status.podIP":                            "10.1.0.1",
		"status.podIPs":                           "10.1.0.1,fd00::1",
	} {
		got, err := FieldValue(pod, path)
		if err != nil || got != want {
			t.Errorf("FieldValue(%s) = %q, %v; want %q", path, got, err, want)
		}
	}
	for _, path := range []string{"spec.containers", "metadata.name['x']", "metadata.labels['a b']", ""} {
		if got, err := FieldValue(pod, path); err == nil {
			t.Errorf("FieldValue(%q) = %q, want an error", path, got)
		}
	}
}

func TestResourceFieldValue(t *testing.T) {
	allocatable := v1.ResourceList{v1.ResourceCPU: resource.MustParse("1900m"), v1.ResourceMemory: resource.MustParse("1Gi")}
	pod := &v1.Pod{Spec: v1.PodSpec{
		Containers: []v1.Container{
			{Name: "a", Resources: v1.ResourceRequirements{
				Requests: v1.ResourceList{v1.ResourceCPU: resource.MustParse("250m"), v1.ResourceMemory: resource.MustParse("32Mi")},
				Limits:   v1.ResourceList{v1.ResourceCPU: resource.MustParse("1250m"), v1.ResourceMemory: resource.MustParse("64Mi")},
			}},
			{Name: "b"},
		},
	}}
	podLevel := pod.DeepCopy()
	podLevel.Spec.Resources = &v1.ResourceRequirements{Limits: v1.ResourceList{v1.ResourceMemory: resource.MustParse("100Mi")}}
	for _, tc := range []struct {
		name, container, resource, divisor, want string
		pod                                      *v1.Pod
	}{
		{"cpu rounds up", "a", "limits.cpu", "", "2", pod},
		{"cpu in milli", "a", "requests.cpu", "1m", "250", pod},
		{"memory in bytes", "a", "requests.memory", "", "33554432", pod},
		{"memory in Mi", "a", "limits.memory", "1Mi", "64", pod},
		{"limit falls back to the node", "b", "limits.cpu", "1m", "1900", pod},
		{"memory limit falls back to the node", "b", "limits.memory", "1Mi", "1024", pod},
		{"limit falls back to the pod", "b", "limits.memory", "1Mi", "100", podLevel},
		{"request without value", "b", "requests.memory", "", "0", pod},
		{"hugepages without value", "b", "limits.hugepages-2Mi", "", "0", pod},
	} {
		t.Run(tc.name, func(t *testing.T) {
			selector := &v1.ResourceFieldSelector{ContainerName: tc.container, Resource: tc.resource}
			if tc.divisor != "" {
				selector.Divisor = resource.MustParse(tc.divisor)
			}
			got, err := ResourceFieldValue(tc.pod, selector, "", allocatable)
			if err != nil || got != tc.want {
				t.Errorf("got %q, %v; want %q", got, err, tc.want)
			}
		})
	}
	for _, bad := range []*v1.ResourceFieldSelector{
		{ContainerName: "x", Resource: "limits.cpu"},
		{ContainerName: "a", Resource: "cpu"},
		{ContainerName: "a", Resource: "limits.gpu"},
		{ContainerName: "a", Resource: "wants.cpu"},
	} {
		if got, err := ResourceFieldValue(pod, bad, "", allocatable); err == nil {
			t.Errorf("%+v gave %q, want an error", bad, got)
		}
	}
}
