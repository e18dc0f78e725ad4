package cronjob

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	batch "k8s.io/api/batch/v1"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func newCron(changes ...func(*batch.CronJob)) *batch.CronJob {
	cron := &batch.CronJob{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "nightly", UID: "u", CreationTimestamp: metav1.NewTime(start)},
		Spec: batch.CronJobSpec{
			Schedule: "*/10 * * * *", ConcurrencyPolicy: batch.AllowConcurrent,
			JobTemplate: batch.JobTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"a": "b"}}},
		},
	}
	for _, change := range changes {
		change(cron)
	}
	return cron
}

func policy(p batch.ConcurrencyPolicy) func(*batch.CronJob) {
	return func(cron *batch.CronJob) { cron.Spec.ConcurrencyPolicy = p }
}
func scheduled(minute int) func(*batch.CronJob) {
	return func(cron *batch.CronJob) {
		cron.Status.LastScheduleTime = &metav1.Time{Time: start.Add(time.Duration(minute) * time.Minute)}
	}
}
func startingDeadline(seconds int64) func(*batch.CronJob) {
	return func(cron *batch.CronJob) { cron.Spec.StartingDeadlineSeconds = &seconds }
}
func keep(succeeded, failed int32) func(*batch.CronJob) {
	return func(cron *batch.CronJob) {
		cron.Spec.SuccessfulJobsHistoryLimit, cron.Spec.FailedJobsHistoryLimit = &succeeded, &failed
	}
}
func suspend(cron *batch.CronJob) { yes := true; cron.Spec.Suspend = &yes }
func zone(name string) func(*batch.CronJob) {
	return func(cron *batch.CronJob) { cron.Spec.TimeZone = &name }
}

// parseJob reads "minute [complete|failed]"; its name is that of the time.
func parseJob(text string) *batch.Job {
	words := strings.Fields(text)
	minute := 0
	fmt.Sscan(words[0], &minute)
	at := metav1.NewTime(start.Add(time.Duration(minute) * time.Minute))
	name := fmt.Sprintf("nightly-%d", at.Unix()/60)
	job := &batch.Job{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, UID: types.UID(words[0]), CreationTimestamp: at,
		OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(newCron(), kind())}}}
	if len(words) > 1 {
		end := batch.JobComplete
		if words[1] == "failed" {
			end = batch.JobFailed
		} else {
			job.Status.CompletionTime = &at
		}
		job.Status.Conditions = []batch.JobCondition{{Type: end, Status: v1.ConditionTrue}}
	}
	return job
}

func TestPlan(t *testing.T) {
	tests := []struct {
		name   string
		cron   *batch.CronJob
		jobs   []string
		minute int // now, after start
		want   string
		after  time.Duration
	}{
		{name: "not yet", cron: newCron(), minute: 5, after: 5 * time.Minute},
		{name: "due", cron: newCron(), minute: 10, want: "+10", after: 10 * time.Minute},
		{name: "done", cron: newCron(scheduled(10)), jobs: []string{"10"}, minute: 11, after: 9 * time.Minute},
		{name: "the last of several missed", cron: newCron(), minute: 47, want: "+40", after: 3 * time.Minute},
		{name: "made, but not noted", cron: newCron(), jobs: []string{"10"}, minute: 11, after: 9 * time.Minute},
		{name: "too late", cron: newCron(startingDeadline(30)), minute: 12, after: 8 * time.Minute},
		{name: "not too late", cron: newCron(startingDeadline(180)), minute: 12, want: "+10", after: 8 * time.Minute},
		{name: "beside another", cron: newCron(scheduled(10)), jobs: []string{"10"}, minute: 20, want: "+20", after: 10 * time.Minute},
		{name: "not beside another", cron: newCron(scheduled(10), policy(batch.ForbidConcurrent)), jobs: []string{"10"}, minute: 20, want: "JobAlreadyActive", after: 10 * time.Minute},
		{name: "instead of another", cron: newCron(scheduled(10), policy(batch.ReplaceConcurrent)), jobs: []string{"10"}, minute: 20, want: "-10 +20", after: 10 * time.Minute},
		{name: "suspended", cron: newCron(suspend), minute: 20},
		{name: "history", cron: newCron(scheduled(50), keep(1, 1)), jobs: []string{"10 complete", "20 failed", "30 complete", "40 failed", "50 complete"}, minute: 51, want: "-10 -20 -30", after: 9 * time.Minute},
		{name: "unknown zone", cron: newCron(zone("Moon/Base")), minute: 20, want: "UnknownTimeZone"},
		{name: "many missed", cron: newCron(), minute: 2000, want: "+2000 TooManyMissedTimes", after: 10 * time.Minute},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			o := observed{cron: test.cron, now: start.Add(time.Duration(test.minute) * time.Minute)}
			for _, one := range test.jobs {
				o.jobs = append(o.jobs, parseJob(one))
			}
			out := plan(o)
			var words []string
			for _, job := range out.remove {
				words = append(words, "-"+string(job.UID))
			}
			if out.create != nil {
				words = append(words, fmt.Sprintf("+%d", int(out.due.Sub(start).Minutes())))
			}
			for _, e := range out.events {
				words = append(words, e.reason)
			}
			if diff := cmp.Diff(test.want, strings.Join(words, " ")); diff != "" {
				t.Errorf("outcome (-want +got):\n%s", diff)
			}
			if out.after.Truncate(time.Second) != test.after {
				t.Errorf("next after %v, want %v", out.after, test.after)
			}
		})
	}
}

func TestNewJob(t *testing.T) {
	berlin := "Europe/Berlin"
	job := plan(observed{cron: newCron(zone(berlin)), now: start.Add(10 * time.Minute)}).create
	if job.Name != "nightly-29453770" || job.Labels["a"] != "b" || job.Annotations[batch.CronJobScheduledTimestampAnnotation] != "2026-01-01T01:10:00+01:00" {
		t.Errorf("job %s with labels %v and annotations %v", job.Name, job.Labels, job.Annotations)
	}
}

func TestStatus(t *testing.T) {
	cron := newCron(scheduled(20))
	cron.Status.Active = []v1.ObjectReference{{UID: "10"}, {UID: "gone"}}
	out := plan(observed{cron: cron, jobs: []*batch.Job{parseJob("10 complete"), parseJob("20")}, now: start.Add(21 * time.Minute)})
	if len(out.status.Active) != 1 || out.status.Active[0].UID != "20" || !out.status.LastSuccessfulTime.Time.Equal(start.Add(10*time.Minute)) {
		t.Errorf("status %+v", out.status)
	}
	if diff := cmp.Diff([]event{{"Normal", "SawCompletedJob", "Saw completed job: nightly-29453770, condition: Complete"}}, out.events, cmp.AllowUnexported(event{})); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}
