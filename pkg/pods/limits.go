package pods

import (
	v1 "k8s.io/api/core/v1"
	"k8s.io/component-helpers/resource"
)

// BindingLimits are the CPU and memory limits that bind the pod as a whole: those set for the pod itself, or the sum
// over its containers (with overhead) when every container, init containers too, has one. A resource that some
// container may use without limit is absent. Hugepages limits are always present when set.
func BindingLimits(pod *v1.Pod) v1.ResourceList {
	unbound := map[v1.ResourceName]bool{}
	limits := resource.PodLimits(pod, resource.PodResourcesOptions{
		ContainerFn: func(limits v1.ResourceList, _ resource.ContainerType) {
			for _, name := range []v1.ResourceName{v1.ResourceCPU, v1.ResourceMemory} {
				if q := limits[name]; q.IsZero() {
					unbound[name] = true
				}
			}
		},
	})
	for name := range unbound {
		if pod.Spec.Resources != nil {
			if q, ok := pod.Spec.Resources.Limits[name]; ok && !q.IsZero() {
				continue
			}
		}
		delete(limits, name)
	}
	return limits
}
