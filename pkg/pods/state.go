package pods

import (
	"time"

	v1 "k8s.io/api/core/v1"
)

// Condition returns the pod's condition of a type, or nil. The result points into the pod.
func Condition(pod *v1.Pod, kind v1.PodConditionType) *v1.PodCondition {
	for i := range pod.Status.Conditions {
		if pod.Status.Conditions[i].Type == kind {
			return &pod.Status.Conditions[i]
		}
	}
	return nil
}

// IsReady says whether the pod's Ready condition is true.
func IsReady(pod *v1.Pod) bool {
	c := Condition(pod, v1.PodReady)
	return c != nil && c.Status == v1.ConditionTrue
}

// IsTerminal says whether all containers have ended for good.
func IsTerminal(pod *v1.Pod) bool {
	return pod.Status.Phase == v1.PodSucceeded || pod.Status.Phase == v1.PodFailed
}

// IsActive says whether the pod runs or will run: it is neither terminal nor being deleted.
func IsActive(pod *v1.Pod) bool {
	return !IsTerminal(pod) && pod.DeletionTimestamp == nil
}

// AvailableIn returns how long it takes from now until the pod is available, which is when it has been ready for
// minReady: 0 when it is available. ok is false when the pod is not ready.
func AvailableIn(pod *v1.Pod, minReady time.Duration, now time.Time) (left time.Duration, ok bool) {
	if !IsReady(pod) {
		return 0, false
	}
	if minReady <= 0 {
		return 0, true
	}
	since := Condition(pod, v1.PodReady).LastTransitionTime
	if since.IsZero() {
		return minReady, true
	}
	return max(since.Add(minReady).Sub(now), 0), true
}
