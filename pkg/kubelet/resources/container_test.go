package resources

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

func TestContainerResources(t *testing.T) {
	policy := Policy{CPUQuota: true, HugePageSizes: []string{"2MB"}}.defaults()
	pages := []*runtimeapi.HugepageLimit{{PageSize: "2MB"}}
	whole := func(pod *v1.Pod) *v1.Pod {
		pod.Spec.Resources = &v1.ResourceRequirements{Limits: v1.ResourceList{v1.ResourceCPU: resource.MustParse("3"), v1.ResourceMemory: resource.MustParse("128Mi")}}
		return pod
	}
	for _, tc := range []struct {
		name string
		pod  *v1.Pod
		swap bool
		want *runtimeapi.LinuxContainerResources
	}{
		{"nothing", testPod("e", "", "", ""), true,
			&runtimeapi.LinuxContainerResources{CpuShares: 2, CpuPeriod: 100000, OomScoreAdj: 1000, HugepageLimits: pages}},
		{"guaranteed", testPod("g", "500m", "500m", "64Mi"), true,
			&runtimeapi.LinuxContainerResources{CpuShares: 512, CpuPeriod: 100000, CpuQuota: 50000, MemoryLimitInBytes: 64 << 20,
				MemorySwapLimitInBytes: 64 << 20, OomScoreAdj: -997, HugepageLimits: pages}},
		{"swap not accounted", testPod("g", "500m", "500m", "64Mi"), false,
			&runtimeapi.LinuxContainerResources{CpuShares: 512, CpuPeriod: 100000, CpuQuota: 50000, MemoryLimitInBytes: 64 << 20,
				OomScoreAdj: -997, HugepageLimits: pages}},
		{"limit stands for request", testPod("l", "", "2", ""), true,
			&runtimeapi.LinuxContainerResources{CpuShares: 2048, CpuPeriod: 100000, CpuQuota: 200000, OomScoreAdj: 999, HugepageLimits: pages}},
		{"limits of the whole pod", whole(testPod("p", "", "", "")), true,
			&runtimeapi.LinuxContainerResources{CpuShares: 2, CpuPeriod: 100000, CpuQuota: 300000, MemoryLimitInBytes: 128 << 20,
				MemorySwapLimitInBytes: 128 << 20, OomScoreAdj: -997, HugepageLimits: pages}},
		{"own limits come first", whole(testPod("q", "500m", "500m", "64Mi")), true,
			&runtimeapi.LinuxContainerResources{CpuShares: 512, CpuPeriod: 100000, CpuQuota: 50000, MemoryLimitInBytes: 64 << 20,
				MemorySwapLimitInBytes: 64 << 20, OomScoreAdj: -997, HugepageLimits: pages}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := ContainerResources(tc.pod, &tc.pod.Spec.Containers[0], policy, 1<<30, tc.swap)
			if diff := cmp.Diff(tc.want, got, protocmp.Transform()); diff != "" {
				t.Errorf("resources (-want +got):\n%s", diff)
			}
		})
	}
}

func TestOOMScoreAdj(t *testing.T) {
	const capacity = 4 << 30
	always := v1.ContainerRestartPolicyAlways
	memory := func(text string) v1.ResourceRequirements {
		return v1.ResourceRequirements{Requests: v1.ResourceList{v1.ResourceMemory: resource.MustParse(text)}}
	}
	burst := func(request string) *v1.Pod {
		return &v1.Pod{Spec: v1.PodSpec{Containers: []v1.Container{{Name: "c", Resources: memory(request)}}}}
	}
	critical := burst("1Gi")
	critical.Spec.PriorityClassName = "system-node-critical"
	sidecar := burst("2Gi")
	sidecar.Spec.InitContainers = []v1.Container{{Name: "s", RestartPolicy: &always, Resources: memory("1Mi")}}
	podLevel := burst("1Gi")
	podLevel.Spec.Resources = &v1.ResourceRequirements{Requests: memory("2Gi").Requests}
	for _, tc := range []struct {
		name      string
		pod       *v1.Pod
		container *v1.Container
		want      int64
	}{
		{"best effort", testPod("e", "", "", ""), nil, 1000},
		{"guaranteed", testPod("g", "1", "1", "1Gi"), nil, -997},
		{"critical", critical, nil, -997},
		{"a quarter of the memory", burst("1Gi"), nil, 750},
		{"hardly any", burst("1Ki"), nil, 999},
		{"all of it", burst("4Gi"), nil, 3},
		{"more than all", burst("8Gi"), nil, 3},
		{"sidecar follows its container", sidecar, &sidecar.Spec.InitContainers[0], 500},
		{"pod level request is shared", podLevel, nil, 500},
	} {
		container := tc.container
		if container == nil {
			container = &tc.pod.Spec.Containers[0]
		}
		if got := OOMScoreAdj(tc.pod, container, capacity); got != tc.want {
			t.Errorf("%s: %d, want %d", tc.name, got, tc.want)
		}
	}
}
