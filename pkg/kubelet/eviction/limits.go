package eviction

import (
	"fmt"

	v1 "k8s.io/api/core/v1"
	apiresource "k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/component-helpers/resource"

	"github.com/proa-sh/proa/pkg/kubelet/podstate"
)

// LocalUse is what a pod has on the node's disk, in bytes.
type LocalUse struct {
	// EmptyDirs are its emptyDir volumes by name, Containers what each container has written to its own file system and its log.
	EmptyDirs, Containers map[string]int64
	// Total is all of it.
	Total int64
}

// HasLocalLimits says whether the pod has a limit on what it may have on the node's disk: only then it has to be measured.
func HasLocalLimits(pod *v1.Pod) bool {
	for i := range pod.Spec.Volumes {
		if sizeLimit(&pod.Spec.Volumes[i]) != nil {
			return true
		}
	}
	limits := resource.PodLimits(pod, resource.PodResourcesOptions{})
	return !limits.StorageEphemeral().IsZero()
}

// sizeLimit is the limit of an emptyDir on disk, nil for other volumes. Those in memory are limited by the kernel.
func sizeLimit(v *v1.Volume) *apiresource.Quantity {
	if v.EmptyDir == nil || v.EmptyDir.Medium != v1.StorageMediumDefault || v.EmptyDir.SizeLimit == nil || v.EmptyDir.SizeLimit.IsZero() {
		return nil
	}
	return v.EmptyDir.SizeLimit
}

// OverLimit says why the pod has to end for what it has on the node's disk, nil if it need not. A critical pod never has to.
func OverLimit(pod *v1.Pod, use LocalUse) *podstate.Ending {
	if Critical(pod) {
		return nil
	}
	message := overVolume(pod, use)
	if message == "" {
		message = overPod(pod, use)
	}
	if message == "" {
		message = overContainer(pod, use)
	}
	if message == "" {
		return nil
	}
	return &podstate.Ending{
		Phase: v1.PodFailed, Reason: "Evicted", Message: message, Grace: new(int64(1)),
		Condition: &v1.PodCondition{
			Type: v1.DisruptionTarget, Status: v1.ConditionTrue, Reason: v1.PodReasonTerminationByKubelet, Message: message,
		},
	}
}

func overVolume(pod *v1.Pod, use LocalUse) string {
	for i := range pod.Spec.Volumes {
		v := &pod.Spec.Volumes[i]
		if limit := sizeLimit(v); limit != nil && use.EmptyDirs[v.Name] > limit.Value() {
			return fmt.Sprintf("Usage of EmptyDir volume %q exceeds the limit %q. ", v.Name, limit.String())
		}
	}
	return ""
}

func overPod(pod *v1.Pod, use LocalUse) string {
	limits := resource.PodLimits(pod, resource.PodResourcesOptions{})
	if limit := limits.StorageEphemeral(); !limit.IsZero() && use.Total > limit.Value() {
		return fmt.Sprintf("Pod ephemeral local storage usage exceeds the total limit of containers %s. ", limit.String())
	}
	return ""
}

func overContainer(pod *v1.Pod, use LocalUse) string {
	for _, list := range [][]v1.Container{pod.Spec.Containers, pod.Spec.InitContainers} {
		for i := range list {
			c := &list[i]
			if limit := c.Resources.Limits.StorageEphemeral(); !limit.IsZero() && use.Containers[c.Name] > limit.Value() {
				return fmt.Sprintf("Container %s exceeded its local ephemeral storage limit %q. ", c.Name, limit.String())
			}
		}
	}
	return ""
}
