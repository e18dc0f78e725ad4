package status

import (
	"math"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/proa-sh/proa/pkg/kubelet/podstate"
)

// setResources reports what the node has granted, and what is in force. Mounts come along.
func setResources(cs *v1.ContainerStatus, view *podstate.View, c *v1.Container) {
	granted := c.Resources
	if a := view.Containers[c.Name].Allocated; a != nil {
		granted = *a
	}
	if len(granted.Requests) > 0 {
		cs.AllocatedResources = granted.Requests.DeepCopy()
	}
	cs.Resources = granted.DeepCopy()
	cs.Resources.Claims = nil
	latest := view.Observed.Latest(c.Name)
	if latest != nil && latest.Phase == podstate.Running {
		inForce(cs.Resources, latest.Resources)
	}
	if latest != nil {
		cs.VolumeMounts = mountStatuses(c, latest)
	}
	if latest != nil && latest.StopSignal != "" {
		signal := v1.Signal(latest.StopSignal)
		cs.StopSignal = &signal
	}
}

// setPodResources reports what the node has granted to the pod as a whole, and what its cgroup has; nothing of a pod that asks
// for nothing as a whole (KEP-5419).
func setPodResources(s *v1.PodStatus, view *podstate.View) {
	granted := view.Resize.Granted
	if view.Pod.Spec.Resources == nil || granted == nil {
		return
	}
	s.AllocatedResources = granted.Requests.DeepCopy()
	if inForce := view.Resize.InForce; inForce != nil {
		s.Resources = inForce.DeepCopy()
		s.Resources.Claims = nil
	}
}

// inForce replaces CPU and memory by what the runtime reports, where it differs from what was asked of it: a value that
// converts to the same setting is shown as it was written.
func inForce(r *v1.ResourceRequirements, actual *runtimeapi.LinuxContainerResources) {
	if actual == nil {
		return
	}
	if q, ok := r.Requests[v1.ResourceCPU]; ok && actual.CpuShares > 0 && Shares(q.MilliValue()) != actual.CpuShares {
		r.Requests[v1.ResourceCPU] = *resource.NewMilliQuantity(sharesToMilli(actual.CpuShares), resource.DecimalSI)
	}
	if q, ok := r.Limits[v1.ResourceCPU]; ok && actual.CpuQuota > 0 && actual.CpuPeriod > 0 && Quota(q.MilliValue(), actual.CpuPeriod) != actual.CpuQuota {
		r.Limits[v1.ResourceCPU] = *resource.NewMilliQuantity(actual.CpuQuota*1000/actual.CpuPeriod, resource.DecimalSI)
	}
	if q, ok := r.Limits[v1.ResourceMemory]; ok && actual.MemoryLimitInBytes > 0 && q.Value() != actual.MemoryLimitInBytes {
		r.Limits[v1.ResourceMemory] = *resource.NewQuantity(actual.MemoryLimitInBytes, resource.BinarySI)
	}
}

// The kernel's bounds on CPU shares, and the shortest quota it takes (microseconds).
const (
	minShares = 2
	maxShares = 262144
	minQuota  = 1000
)

// Shares converts thousandths of a CPU to cgroup shares.
func Shares(milli int64) int64 {
	if milli == 0 {
		return minShares
	}
	return min(max(milli*1024/1000, minShares), maxShares)
}

func sharesToMilli(shares int64) int64 { return int64(math.Ceil(float64(shares*1000) / 1024)) }

// Quota converts thousandths of a CPU to microseconds a period.
func Quota(milli, period int64) int64 {
	if milli == 0 {
		return 0
	}
	return max(milli*period/1000, minQuota)
}

func mountStatuses(c *v1.Container, latest *podstate.Container) []v1.VolumeMountStatus {
	recursive := map[string]bool{}
	for _, m := range latest.Mounts {
		recursive[m.ContainerPath] = m.RecursiveReadOnly
	}
	var list []v1.VolumeMountStatus
	for _, m := range c.VolumeMounts {
		s := v1.VolumeMountStatus{Name: m.Name, MountPath: m.MountPath, ReadOnly: m.ReadOnly}
		if m.ReadOnly {
			mode := v1.RecursiveReadOnlyDisabled
			if recursive[m.MountPath] {
				mode = v1.RecursiveReadOnlyEnabled
			}
			s.RecursiveReadOnly = &mode
		}
		list = append(list, s)
	}
	return list
}
