package resources

import (
	"strconv"
	"strings"
	"time"

	"github.com/opencontainers/cgroups"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	resourcehelper "k8s.io/component-helpers/resource"

	"github.com/proa-sh/proa/pkg/pods"
)

const (
	// minShares and maxShares bound cpu.shares (the kernel's own bounds).
	minShares = 2
	maxShares = 262144
	// minQuota is the least CPU time per period that the kernel accepts, in microseconds.
	minQuota = 1000
	// noLimit lifts a limit.
	noLimit = -1
	// DefaultQuotaPeriod is the period in which CPU limits are enforced.
	DefaultQuotaPeriod = 100 * time.Millisecond
)

// Limits are the limits of one cgroup. 0 leaves a value as it is; noLimit lifts it.
type Limits struct {
	// CPUShares is the weight against siblings, 1024 for each CPU.
	CPUShares int64
	// CPUQuota is microseconds of CPU time in each CPUPeriod (microseconds).
	CPUQuota, CPUPeriod int64
	// Memory is in bytes.
	Memory int64
	// Pids is the number of processes and threads.
	Pids int64
	// HugePages holds bytes by page size as the kernel spells it ("2MB").
	HugePages map[string]int64
}

// Shares converts thousandths of a CPU to cpu.shares.
func Shares(milliCPU int64) int64 {
	return min(max(milliCPU*1024/1000, minShares), maxShares)
}

// Quota converts thousandths of a CPU to microseconds of CPU time in each period; 0 means no limit.
func Quota(milliCPU int64, period time.Duration) int64 {
	if milliCPU == 0 {
		return noLimit
	}
	return max(milliCPU*period.Microseconds()/1000, minQuota)
}

// Policy is how limits are enforced on this node.
type Policy struct {
	// CPUQuota enforces CPU limits (--cpu-cfs-quota) in periods of QuotaPeriod.
	CPUQuota    bool
	QuotaPeriod time.Duration
	// PodPids bounds the processes of each pod; -1 for no bound.
	PodPids int64
	// HugePageSizes are the page sizes of the machine, as the kernel spells them.
	HugePageSizes []string
}

// PodLimits are the limits of a pod's cgroup: CPU weight by its requests, and as CPU quota and memory limit what binds the
// pod as a whole. What some container may use without limit is not limited for the pod.
func PodLimits(pod *v1.Pod, policy Policy) Limits {
	limits := Limits{CPUShares: minShares, CPUQuota: noLimit, CPUPeriod: policy.QuotaPeriod.Microseconds(), Memory: noLimit, Pids: policy.PodPids}
	binding := pods.BindingLimits(pod)
	limits.HugePages = hugePageLimits(binding, policy.HugePageSizes)
	if pods.QOS(pod) == v1.PodQOSBestEffort {
		return limits
	}
	limits.CPUShares = Shares(cpuRequest(pod))
	if policy.CPUQuota {
		limits.CPUQuota = Quota(binding.Cpu().MilliValue(), policy.QuotaPeriod)
	}
	if memory := binding.Memory().Value(); memory > 0 {
		limits.Memory = memory
	}
	return limits
}

// cpuRequest is the pod's CPU request with overhead, in thousandths.
func cpuRequest(pod *v1.Pod) int64 {
	requests := resourcehelper.PodRequests(pod, resourcehelper.PodResourcesOptions{})
	return requests.Cpu().MilliValue()
}

// hugePageLimits holds a limit for every page size of the machine; pods get none that they do not ask for.
func hugePageLimits(limits v1.ResourceList, sizes []string) map[string]int64 {
	result := make(map[string]int64, len(sizes))
	for _, size := range sizes {
		result[size] = 0
	}
	for name, quantity := range limits {
		if size, ok := pageSize(name); ok {
			result[size] = quantity.Value()
		}
	}
	return result
}

// pageSize spells the page size of a hugepages resource as the kernel and CRI do: hugepages-2Mi is "2MB".
func pageSize(name v1.ResourceName) (string, bool) {
	text, ok := strings.CutPrefix(string(name), v1.ResourceHugePagesPrefix)
	if !ok {
		return "", false
	}
	size, err := resource.ParseQuantity(text)
	if err != nil {
		return "", false
	}
	return formatPageSize(size.Value()), true
}

// formatPageSize spells a page size in the largest unit that divides it.
func formatPageSize(bytes int64) string {
	units := []string{"B", "KB", "MB", "GB", "TB"}
	unit := 0
	for bytes >= 1024 && bytes%1024 == 0 && unit < len(units)-1 {
		bytes /= 1024
		unit++
	}
	return strconv.FormatInt(bytes, 10) + units[unit]
}

// weight converts cpu.shares to the cpu.weight of version 2, as runtimes do for containers.
func weight(shares int64) uint64 { return cgroups.ConvertCPUSharesToCgroupV2Value(uint64(shares)) }
