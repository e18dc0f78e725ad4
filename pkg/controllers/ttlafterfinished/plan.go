package ttlafterfinished

import (
	"time"

	batch "k8s.io/api/batch/v1"
	v1 "k8s.io/api/core/v1"
)

// outcome is what becomes of a Job. The empty one is that it stays.
type outcome struct {
	// remove says that its time is over.
	remove bool
	// after is when it will be; 0 means never, or now.
	after time.Duration
}

// plan decides about one Job.
func plan(job *batch.Job, now time.Time) outcome {
	if job.Spec.TTLSecondsAfterFinished == nil || job.DeletionTimestamp != nil {
		return outcome{}
	}
	for _, c := range job.Status.Conditions {
		if (c.Type == batch.JobComplete || c.Type == batch.JobFailed) && c.Status == v1.ConditionTrue {
			end := c.LastTransitionTime.Add(time.Duration(*job.Spec.TTLSecondsAfterFinished) * time.Second)
			left := max(end.Sub(now), 0)
			return outcome{remove: left == 0, after: left}
		}
	}
	return outcome{}
}
