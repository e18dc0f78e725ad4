package job

import (
	"slices"
	"time"

	batch "k8s.io/api/batch/v1"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/proa-sh/proa/pkg/pods"
)

// uncountedLimit bounds status.uncountedTerminatedPods; the next reconciliation goes on.
const uncountedLimit = 500

// tally is what has become of a Job's pods.
type tally struct {
	// uncounted is the new status.uncountedTerminatedPods, succeeded and failed the new counters without it.
	uncounted         batch.UncountedTerminatedPods
	succeeded, failed int
	// completed and failedIndexes are the new sets of an indexed Job.
	completed, failedIndexes indexes
	// untrack are ended pods that lose their finalizer once the status has been written.
	untrack []*v1.Pod
	// active pods run or will run, ending ones are being deleted and have not ended, ready ones are active and ready.
	active, ending []*v1.Pod
	ready          int
	// given are living pods without the finalizer. The Job had begun to delete them: they could never be counted.
	given []*v1.Pod
	// newSuccess and newFailures are what was not known before: the last success, and when pods failed.
	newSuccess  bool
	newFailures []time.Time
	// failJob is the message of a rule that ends the Job; "" means none.
	failJob string
	// lastFailed is the latest failed pod of each index, whose annotations say how often the index has failed.
	lastFailed map[int]*v1.Pod
}

func tracked(pod *v1.Pod) bool { return slices.Contains(pod.Finalizers, batch.JobTrackingFinalizer) }

func indexed(job *batch.Job) bool {
	return job.Spec.CompletionMode != nil && *job.Spec.CompletionMode == batch.IndexedCompletion
}

// completions is the wanted number; -1 means that any success will do.
func completions(job *batch.Job) int {
	if job.Spec.Completions == nil {
		return -1
	}
	return int(*job.Spec.Completions)
}

// isFailed says whether a pod counts as failed. One that is being deleted may never come to say so itself; it counts as
// soon as it would be replaced.
func isFailed(job *batch.Job, pod *v1.Pod) bool {
	return pod.Status.Phase == v1.PodFailed || (replacesEnding(job) && pod.DeletionTimestamp != nil && pod.Status.Phase != v1.PodSucceeded)
}

// count makes the tally.
func count(job *batch.Job, all []*v1.Pod) tally {
	t := tally{
		succeeded: int(job.Status.Succeeded), failed: int(job.Status.Failed),
		lastFailed: map[int]*v1.Pod{},
	}
	if indexed(job) {
		t.completed = parseIndexes(job.Status.CompletedIndexes, completions(job)).with()
		if job.Status.FailedIndexes != nil {
			t.failedIndexes = parseIndexes(*job.Status.FailedIndexes, completions(job)).with()
		}
	}
	known := t.moveCounted(job, all)
	for _, pod := range all {
		switch {
		case pod.Status.Phase == v1.PodSucceeded:
			t.success(job, pod, known)
		case isFailed(job, pod):
			t.failure(job, pod, known)
		case pod.DeletionTimestamp != nil:
		case !tracked(pod):
			t.given = append(t.given, pod)
		default:
			t.active = append(t.active, pod)
			if pods.IsReady(pod) {
				t.ready++
			}
		}
		if pod.DeletionTimestamp != nil && !pods.IsTerminal(pod) {
			t.ending = append(t.ending, pod)
		}
	}
	if indexed(job) {
		t.succeeded = t.completed.count()
		if job.Spec.BackoffLimitPerIndex != nil {
			t.failIndexes(job)
		}
	}
	return t
}

// moveCounted moves pods that were written down and have lost their finalizer into the counters. It returns those that stay.
func (t *tally) moveCounted(job *batch.Job, all []*v1.Pod) map[types.UID]bool {
	known := map[types.UID]bool{}
	if job.Status.UncountedTerminatedPods == nil {
		return known
	}
	holding := map[types.UID]bool{}
	for _, pod := range all {
		holding[pod.UID] = tracked(pod)
	}
	for _, uid := range job.Status.UncountedTerminatedPods.Succeeded {
		if holding[uid] {
			t.uncounted.Succeeded = append(t.uncounted.Succeeded, uid)
			known[uid] = true
		} else {
			t.succeeded++
		}
	}
	for _, uid := range job.Status.UncountedTerminatedPods.Failed {
		if holding[uid] {
			t.uncounted.Failed = append(t.uncounted.Failed, uid)
			known[uid] = true
		} else {
			t.failed++
		}
	}
	return known
}

// success notes a succeeded pod.
func (t *tally) success(job *batch.Job, pod *v1.Pod, known map[types.UID]bool) {
	if !tracked(pod) || t.full() {
		return
	}
	t.untrack = append(t.untrack, pod)
	if known[pod.UID] {
		return
	}
	t.newSuccess = true
	if !indexed(job) {
		t.uncounted.Succeeded = append(t.uncounted.Succeeded, pod.UID)
		return
	}
	if n := indexOf(pod); n != noIndex && n < completions(job) {
		t.completed = t.completed.with(n)
	}
}

// failure notes a failed pod, as the failure policy says.
func (t *tally) failure(job *batch.Job, pod *v1.Pod, known map[types.UID]bool) {
	if !tracked(pod) && pod.DeletionTimestamp != nil {
		return // counted, or deleted by the Job itself
	}
	perIndex := job.Spec.BackoffLimitPerIndex != nil
	if n := indexOf(pod); perIndex && n != noIndex {
		if last := t.lastFailed[n]; last == nil || failuresOf(pod)+ignoredOf(pod) > failuresOf(last)+ignoredOf(last) {
			t.lastFailed[n] = pod
		}
	}
	if !tracked(pod) || t.full() {
		return
	}
	t.untrack = append(t.untrack, pod)
	if known[pod.UID] {
		return
	}
	verdict := judgeFailure(job, pod)
	switch verdict.action {
	case batch.PodFailurePolicyActionIgnore:
		return
	case batch.PodFailurePolicyActionFailJob:
		if t.failJob == "" {
			t.failJob = verdict.message
		}
	case batch.PodFailurePolicyActionFailIndex:
		if n := indexOf(pod); perIndex && n != noIndex {
			t.failedIndexes = t.failedIndexes.with(n)
		}
	}
	t.uncounted.Failed = append(t.uncounted.Failed, pod.UID)
	t.newFailures = append(t.newFailures, endedAt(pod))
}

// full says whether no more pods can be written down now.
func (t *tally) full() bool {
	return len(t.uncounted.Succeeded)+len(t.uncounted.Failed) >= uncountedLimit
}

// failIndexes adds the indexes that have failed too often. The last failed pod of an index keeps its finalizer until the
// index has another pod or is done, since it carries the number of failures.
func (t *tally) failIndexes(job *batch.Job) {
	replaced := map[int]bool{}
	for _, pod := range t.active {
		replaced[indexOf(pod)] = true
	}
	for n, pod := range t.lastFailed {
		if judgeFailure(job, pod).action != batch.PodFailurePolicyActionIgnore && failuresOf(pod) >= int(*job.Spec.BackoffLimitPerIndex) {
			t.failedIndexes = t.failedIndexes.with(n)
		}
		if !replaced[n] && !t.completed.has(n) && !t.failedIndexes.has(n) {
			t.untrack = slices.DeleteFunc(t.untrack, func(one *v1.Pod) bool { return one == pod })
		}
	}
}

// totals are successes and failures, those that are not in the counters yet included.
func (t *tally) totals() (succeeded, failed int) {
	return t.succeeded + len(t.uncounted.Succeeded), t.failed + len(t.uncounted.Failed)
}
