package pods

import (
	v1 "k8s.io/api/core/v1"
	"k8s.io/component-helpers/resource"
)

// QOS is the pod's quality of service class: the one in its status, which never changes once set, or else the one that
// follows from requests and limits for CPU and memory, those of the pod itself where it sets any (KEP-2837).
func QOS(pod *v1.Pod) v1.PodQOSClass {
	if pod.Status.QOSClass != "" {
		return pod.Status.QOSClass
	}
	if resource.IsPodLevelResourcesSet(pod) {
		return qosOf([]v1.ResourceRequirements{*pod.Spec.Resources})
	}
	requirements := make([]v1.ResourceRequirements, 0, len(pod.Spec.InitContainers)+len(pod.Spec.Containers))
	for i := range pod.Spec.InitContainers {
		requirements = append(requirements, pod.Spec.InitContainers[i].Resources)
	}
	for i := range pod.Spec.Containers {
		requirements = append(requirements, pod.Spec.Containers[i].Resources)
	}
	return qosOf(requirements)
}

// qosOf is Guaranteed when everything has limits for CPU and memory that equal its requests, BestEffort when nothing
// has either, and Burstable between.
func qosOf(requirements []v1.ResourceRequirements) v1.PodQOSClass {
	some, guaranteed := false, len(requirements) > 0
	for i := range requirements {
		for _, name := range []v1.ResourceName{v1.ResourceCPU, v1.ResourceMemory} {
			request, limit := requirements[i].Requests[name], requirements[i].Limits[name]
			some = some || !request.IsZero() || !limit.IsZero()
			if _, set := requirements[i].Requests[name]; !set {
				request = limit // What defaulting does.
			}
			if limit.IsZero() || limit.Cmp(request) != 0 {
				guaranteed = false
			}
		}
	}
	switch {
	case !some:
		return v1.PodQOSBestEffort
	case guaranteed:
		return v1.PodQOSGuaranteed
	}
	return v1.PodQOSBurstable
}
