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

func TestPlan(t *testing.T) {
	tests := []struct {
		name string
		job  *batch.Job
		want outcome
	}{
		{"complete", newJob("a", 60, batch.JobComplete, start), outcome{after: 40 * time.Second}},
		{"failed long ago", newJob("a", 10, batch.JobFailed, start), outcome{remove: true}},
		{"runs", newJob("a", 60, batch.JobSuspended, start), outcome{}},
		{"stays for ever", newJob("a", -1, batch.JobComplete, start), outcome{}},
	}
	for _, test := range tests {
		if got := plan(test.job, start.Add(20*time.Second)); got != test.want {
			t.Errorf("%s: %+v, want %+v", test.name, got, test.want)
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
