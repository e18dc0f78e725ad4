package ttlafterfinished

import (
	"strings"
	"testing"
	"time"

	batch "k8s.io/api/batch/v1"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/proa-sh/proa/pkg/controllers/control/controltest"
)

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func newJob(name string, ttl int32, end batch.JobConditionType, at time.Time) *batch.Job {
	job := &batch.Job{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name}, Status: batch.JobStatus{
		Conditions: []batch.JobCondition{{Type: end, Status: v1.ConditionTrue, LastTransitionTime: metav1.NewTime(at)}},
	}}
	if ttl >= 0 {
		job.Spec.TTLSecondsAfterFinished = &ttl
	}
	return job
}

func TestLeft(t *testing.T) {
	tests := []struct {
		name string
		job  *batch.Job
		span time.Duration
		ok   bool
	}{
		{"complete", newJob("a", 60, batch.JobComplete, start), 40 * time.Second, true},
		{"failed long ago", newJob("a", 10, batch.JobFailed, start), 0, true},
		{"runs", newJob("a", 60, batch.JobSuspended, start), 0, false},
		{"stays for ever", newJob("a", -1, batch.JobComplete, start), 0, false},
	}
	for _, test := range tests {
		if span, ok := left(test.job, start.Add(20*time.Second)); span != test.span || ok != test.ok {
			t.Errorf("%s: %v %v, want %v %v", test.name, span, ok, test.span, test.ok)
		}
	}
}

func TestController(t *testing.T) {
	now := time.Now()
	s := controltest.NewServer(t, newJob("over", 1, batch.JobComplete, now.Add(-time.Hour)), newJob("later", 3600, batch.JobComplete, now), newJob("for-ever", -1, batch.JobComplete, now))
	controltest.Run(t, s, New)
	s.Wait(t, "the old job is being deleted", func() bool {
		var ending []string
		for _, job := range controltest.List[batch.Job](t, s, "batch", "jobs", "default") {
			if job.DeletionTimestamp != nil {
				ending = append(ending, job.Name+" "+strings.Join(job.Finalizers, " "))
			}
		}
		return strings.Join(ending, ",") == "over foregroundDeletion"
	})
}
