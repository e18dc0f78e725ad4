package resources

import (
	"maps"
	"slices"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/proa-sh/proa/pkg/pods"
)

// oom_score_adj by quality of service, as published in the documentation of node-pressure eviction.
const (
	guaranteedOOM = -997
	bestEffortOOM = 1000
)

// ContainerResources are the limits of one container in a CRI request. memoryCapacity is the node's, in bytes; swap says
// whether the machine accounts swap, in which case the container gets none.
func ContainerResources(pod *v1.Pod, container *v1.Container, policy Policy, memoryCapacity int64, swap bool) *runtimeapi.LinuxContainerResources {
	requests, limits := container.Resources.Requests, container.Resources.Limits
	cpuLimit, memoryLimit := limitOf(pod, container, v1.ResourceCPU), limitOf(pod, container, v1.ResourceMemory)
	cpu := requests.Cpu().MilliValue()
	if _, set := requests[v1.ResourceCPU]; !set {
		cpu = limits.Cpu().MilliValue()
	}
	result := &runtimeapi.LinuxContainerResources{
		CpuShares:          Shares(cpu),
		MemoryLimitInBytes: memoryLimit.Value(),
		OomScoreAdj:        OOMScoreAdj(pod, container, memoryCapacity),
	}
	if policy.CPUQuota {
		result.CpuPeriod = policy.QuotaPeriod.Microseconds()
	}
	if policy.CPUQuota && cpuLimit.MilliValue() > 0 {
		result.CpuQuota = Quota(cpuLimit.MilliValue(), policy.QuotaPeriod)
	}
	if swap && result.MemoryLimitInBytes > 0 {
		result.MemorySwapLimitInBytes = result.MemoryLimitInBytes
	}
	pages := hugePageLimits(limits, policy.HugePageSizes)
	for _, size := range slices.Sorted(maps.Keys(pages)) {
		result.HugepageLimits = append(result.HugepageLimits, &runtimeapi.HugepageLimit{PageSize: size, Limit: uint64(pages[size])})
	}
	return result
}

// limitOf is the limit that a container is held to: its own, or else that of its pod as a whole (KEP-2837). The pod's cgroup alone
// would hold it just as well, but programs that size themselves look at their own.
func limitOf(pod *v1.Pod, container *v1.Container, name v1.ResourceName) *resource.Quantity {
	limit := container.Resources.Limits[name]
	if limit.IsZero() && pod.Spec.Resources != nil {
		limit = pod.Spec.Resources.Limits[name]
	}
	return &limit
}

// OOMScoreAdj says how early the kernel kills the container when memory runs out: guaranteed pods and those critical for
// the node last, best-effort ones first, burstable ones the later the larger their part of the memory they requested.
func OOMScoreAdj(pod *v1.Pod, container *v1.Container, memoryCapacity int64) int64 {
	if pod.Spec.PriorityClassName == "system-node-critical" {
		return guaranteedOOM
	}
	switch pods.QOS(pod) {
	case v1.PodQOSGuaranteed:
		return guaranteedOOM
	case v1.PodQOSBestEffort:
		return bestEffortOOM
	}
	adj := burstableOOM(pod, container, memoryCapacity)
	if !pods.IsSidecar(container) {
		return adj
	}
	// A sidecar is killed no earlier than the container it serves that is killed last (KEP-753).
	for i := range pod.Spec.Containers {
		adj = min(adj, burstableOOM(pod, &pod.Spec.Containers[i], memoryCapacity))
	}
	return adj
}

// burstableOOM keeps between guaranteed and best-effort, also at the extremes.
func burstableOOM(pod *v1.Pod, container *v1.Container, memoryCapacity int64) int64 {
	if memoryCapacity <= 0 {
		return bestEffortOOM - 1
	}
	request := container.Resources.Requests.Memory().Value() + spareRequest(pod)
	// In units that cannot overflow: 1000 * request exceeds 64 bits only beyond 8 PiB.
	adj := 1000 - 1000*request/memoryCapacity
	return min(max(adj, 1000+guaranteedOOM), bestEffortOOM-1)
}

// spareRequest is each container's part of the memory that is requested for the pod beyond its containers' requests.
func spareRequest(pod *v1.Pod) int64 {
	if pod.Spec.Resources == nil {
		return 0
	}
	spare, count := pod.Spec.Resources.Requests.Memory().Value(), int64(0)
	for i := range pod.Spec.InitContainers {
		if pods.IsSidecar(&pod.Spec.InitContainers[i]) {
			spare -= pod.Spec.InitContainers[i].Resources.Requests.Memory().Value()
			count++
		}
	}
	for i := range pod.Spec.Containers {
		spare -= pod.Spec.Containers[i].Resources.Requests.Memory().Value()
		count++
	}
	if spare <= 0 || count == 0 {
		return 0
	}
	return spare / count
}

// defaults fills what a configuration leaves open.
func (p Policy) defaults() Policy {
	if p.QuotaPeriod == 0 {
		p.QuotaPeriod = DefaultQuotaPeriod
	}
	if p.PodPids == 0 {
		p.PodPids = noLimit
	}
	return p
}
