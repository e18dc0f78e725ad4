package job

import (
	"time"

	batch "k8s.io/api/batch/v1"
	v1 "k8s.io/api/core/v1"
)

// firstPause doubles with each failure in a row up to longestPause.
const (
	firstPause   = 10 * time.Second
	longestPause = 10 * time.Minute
)

// memory is how many of a Job's pods have failed since one has succeeded, which the status has no place for. Pods tell of it
// as long as they are there; of those that somebody has deleted only the memory knows, as long as the program lives.
type memory struct {
	failures int       // in a row
	last     time.Time // of the last failure
}

// after is the memory when a tally is known.
func (m memory) after(t tally) memory {
	if t.newSuccess {
		m = memory{}
	}
	for _, at := range t.newFailures {
		m.failures++
		if at.After(m.last) {
			m.last = at
		}
	}
	return m
}

// atLeast is what both know of.
func (m memory) atLeast(other memory) memory {
	m.failures = max(m.failures, other.failures)
	if other.last.After(m.last) {
		m.last = other.last
	}
	return m
}

// streak is what the pods of a Job tell of failures in a row: those after the last success.
func streak(job *batch.Job, all []*v1.Pod) memory {
	var success time.Time
	for _, pod := range all {
		if at := endedAt(pod); pod.Status.Phase == v1.PodSucceeded && at.After(success) {
			success = at
		}
	}
	m := memory{}
	for _, pod := range all {
		deletedByJob := pod.DeletionTimestamp != nil && !tracked(pod)
		if pod.Status.Phase == v1.PodSucceeded || !isFailed(job, pod) || deletedByJob || judgeFailure(job, pod).action == batch.PodFailurePolicyActionIgnore {
			continue
		}
		if at := endedAt(pod); at.After(success) {
			m = m.atLeast(memory{m.failures + 1, at})
		}
	}
	return m
}

// pause is how long after failures in a row the next pod must wait.
func pause(failures int, last, now time.Time) time.Duration {
	if failures <= 0 {
		return 0
	}
	wait := longestPause
	if failures < 7 { // 10 s doubled six times is more than ten minutes
		wait = firstPause << (failures - 1)
	}
	return max(last.Add(wait).Sub(now), 0)
}

// endedAt is when a pod ended, as far as it tells: with its last container, when it stopped to be ready, when it was deleted.
// One that tells nothing, as one that its node had no room for, never ran. The answer must not move with the clock: pauses
// count from it.
func endedAt(pod *v1.Pod) time.Time {
	var last time.Time
	for _, statuses := range [][]v1.ContainerStatus{pod.Status.ContainerStatuses, pod.Status.InitContainerStatuses} {
		for i := range statuses {
			if ended := statuses[i].State.Terminated; ended != nil && ended.FinishedAt.After(last) {
				last = ended.FinishedAt.Time
			}
		}
	}
	if !last.IsZero() {
		return last
	}
	for _, c := range pod.Status.Conditions {
		if c.Type == v1.PodReady && c.Status == v1.ConditionFalse && !c.LastTransitionTime.IsZero() {
			return c.LastTransitionTime.Time
		}
	}
	if pod.DeletionTimestamp == nil {
		return pod.CreationTimestamp.Time
	}
	if grace := pod.DeletionGracePeriodSeconds; grace != nil {
		return pod.DeletionTimestamp.Add(-time.Duration(*grace) * time.Second)
	}
	return pod.DeletionTimestamp.Time
}
