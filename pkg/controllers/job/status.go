package job

import (
	"time"

	batch "k8s.io/api/batch/v1"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// status is what the Job's status should be after a plan, of which created pods were created and removed active ones
// deleted, and as many others as given says.
func (o observed) status(out outcome, created, removed, given int) batch.JobStatus {
	now := *o.job.Status.DeepCopy()
	t := out.tally
	now.Active = int32(max(len(t.active)+created-removed, 0))
	ready := int32(min(t.ready, int(now.Active)))
	now.Ready = &ready
	ending := int32(len(t.ending) + removed + given)
	now.Terminating = &ending
	now.Succeeded, now.Failed = int32(t.succeeded), int32(t.failed)
	now.UncountedTerminatedPods = t.uncounted.DeepCopy()
	if indexed(o.job) {
		now.CompletedIndexes = t.completed.String()
		if o.job.Spec.BackoffLimitPerIndex != nil {
			text := t.failedIndexes.String()
			now.FailedIndexes = &text
		}
	}
	if now.StartTime == nil && !suspended(o.job) {
		now.StartTime = &metav1.Time{Time: o.now}
	}
	if out.ending != nil {
		setCondition(&now, out.ending)
	} else {
		o.suspend(&now)
	}
	if out.final != nil {
		setCondition(&now, out.final)
		if out.final.Type == batch.JobComplete {
			now.CompletionTime = &metav1.Time{Time: o.now}
		}
	}
	return now
}

// suspend tells that the Job was suspended or resumed, at which its time starts anew.
func (o observed) suspend(now *batch.JobStatus) {
	current := findCondition(*now, batch.JobSuspended)
	switch isSuspended := current != nil && current.Status == v1.ConditionTrue; {
	case suspended(o.job) && !isSuspended:
		setCondition(now, newCondition(batch.JobSuspended, "JobSuspended", "Job suspended", o.now))
		now.StartTime = nil
	case !suspended(o.job) && isSuspended:
		resumed := newCondition(batch.JobSuspended, "JobResumed", "Job resumed", o.now)
		resumed.Status = v1.ConditionFalse
		setCondition(now, resumed)
		now.StartTime = &metav1.Time{Time: o.now}
	}
}

func newCondition(kind batch.JobConditionType, reason, message string, now time.Time) *batch.JobCondition {
	at := metav1.NewTime(now)
	return &batch.JobCondition{Type: kind, Status: v1.ConditionTrue, Reason: reason, Message: message, LastProbeTime: at, LastTransitionTime: at}
}

// finalOf is the condition with which a Job ends, given the one that decided it.
func finalOf(ending *batch.JobCondition, now time.Time) *batch.JobCondition {
	kind := batch.JobComplete
	if ending.Type == batch.JobFailureTarget {
		kind = batch.JobFailed
	}
	return newCondition(kind, ending.Reason, ending.Message, now)
}

func findCondition(status batch.JobStatus, kind batch.JobConditionType) *batch.JobCondition {
	for i := range status.Conditions {
		if status.Conditions[i].Type == kind {
			return &status.Conditions[i]
		}
	}
	return nil
}

// setCondition replaces the condition of next's type, unless its status stays the same.
func setCondition(status *batch.JobStatus, next *batch.JobCondition) {
	if current := findCondition(*status, next.Type); current == nil {
		status.Conditions = append(status.Conditions, *next)
	} else if current.Status != next.Status {
		*current = *next
	}
}

// ended says whether a Job is complete or has failed.
func ended(job *batch.Job) bool {
	for _, kind := range []batch.JobConditionType{batch.JobComplete, batch.JobFailed} {
		if c := findCondition(job.Status, kind); c != nil && c.Status == v1.ConditionTrue {
			return true
		}
	}
	return false
}
