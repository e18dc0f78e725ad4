package cronjob

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	batch "k8s.io/api/batch/v1"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// observed is what a plan is made from. Nothing in it is modified.
type observed struct {
	cron *batch.CronJob
	// jobs are those that the CronJob controls.
	jobs []*batch.Job
	now  time.Time
}

// event is what the user is told.
type event struct{ kind, reason, message string }

// outcome is what a plan asks for: first the status as it is now, then the deletions, and at last the new Job.
type outcome struct {
	status batch.CronJobStatus
	remove []*batch.Job
	// create is the Job of the time that has come, due that time; nil when none is due.
	create *batch.Job
	due    time.Time
	events []event
	after  time.Duration // until the next time; 0 means never
}

// plan decides what is to be done now.
func plan(o observed) outcome {
	out := outcome{status: *o.cron.Status.DeepCopy()}
	active := o.track(&out)
	out.remove = o.history()
	if o.cron.DeletionTimestamp != nil || (o.cron.Spec.Suspend != nil && *o.cron.Spec.Suspend) {
		return out
	}
	zone := o.now.Location()
	if name := o.cron.Spec.TimeZone; name != nil {
		loaded, err := time.LoadLocation(*name)
		if err != nil {
			out.tell(v1.EventTypeWarning, "UnknownTimeZone", fmt.Sprintf("invalid timeZone: %q: %v", *name, err))
			return out
		}
		zone = loaded
	}
	s, err := parseSchedule(o.cron.Spec.Schedule, zone, o.last())
	if err != nil {
		out.tell(v1.EventTypeWarning, "UnparseableSchedule", fmt.Sprintf("unparseable schedule: %q : %v", o.cron.Spec.Schedule, err))
		return out
	}
	next := s.next(o.now)
	if next.IsZero() {
		out.tell(v1.EventTypeWarning, "InvalidSchedule", fmt.Sprintf("invalid schedule: %s : no time of the next five years is one of its times", o.cron.Spec.Schedule))
		return out
	}
	out.after = next.Sub(o.now) + time.Millisecond
	o.start(&out, s, active, zone)
	return out
}

// last is the time of the last Job, or the creation of the CronJob when there was none.
func (o observed) last() time.Time {
	if last := o.cron.Status.LastScheduleTime; last != nil {
		return last.Time
	}
	return o.cron.CreationTimestamp.Time
}

func (out *outcome) tell(kind, reason, message string) {
	out.events = append(out.events, event{kind, reason, message})
}

// track brings the list of active Jobs up to date, and returns them.
func (o observed) track(out *outcome) []*batch.Job {
	var active []*batch.Job
	known := map[string]bool{}
	for _, ref := range o.cron.Status.Active {
		known[string(ref.UID)] = true
	}
	out.status.Active = nil
	for _, job := range slices.SortedFunc(slices.Values(o.jobs), byAge) {
		end := endOf(job)
		switch {
		case end == nil:
			active = append(active, job)
			out.status.Active = append(out.status.Active, referenceTo(job))
		case known[string(job.UID)]:
			out.tell(v1.EventTypeNormal, "SawCompletedJob", fmt.Sprintf("Saw completed job: %s, condition: %v", job.Name, end.Type))
		}
		if end != nil && end.Type == batch.JobComplete && job.Status.CompletionTime != nil {
			if last := out.status.LastSuccessfulTime; last == nil || last.Before(job.Status.CompletionTime) {
				out.status.LastSuccessfulTime = job.Status.CompletionTime.DeepCopy()
			}
		}
	}
	return active
}

func referenceTo(job *batch.Job) v1.ObjectReference {
	return v1.ObjectReference{
		Kind: "Job", APIVersion: batch.SchemeGroupVersion.String(), Namespace: job.Namespace, Name: job.Name, UID: job.UID, ResourceVersion: job.ResourceVersion,
	}
}

func byAge(a, b *batch.Job) int {
	start := func(job *batch.Job) time.Time {
		if job.Status.StartTime != nil {
			return job.Status.StartTime.Time
		}
		return job.CreationTimestamp.Time
	}
	return cmp.Or(start(a).Compare(start(b)), strings.Compare(a.Name, b.Name))
}

// endOf is the condition with which a Job has ended, or nil.
func endOf(job *batch.Job) *batch.JobCondition {
	for i := range job.Status.Conditions {
		if c := &job.Status.Conditions[i]; (c.Type == batch.JobComplete || c.Type == batch.JobFailed) && c.Status == v1.ConditionTrue {
			return c
		}
	}
	return nil
}

// history are the ended Jobs beyond those that are kept, oldest first.
func (o observed) history() []*batch.Job {
	var surplus []*batch.Job
	for kind, limit := range map[batch.JobConditionType]*int32{batch.JobComplete: o.cron.Spec.SuccessfulJobsHistoryLimit, batch.JobFailed: o.cron.Spec.FailedJobsHistoryLimit} {
		if limit == nil {
			continue
		}
		var some []*batch.Job
		for _, job := range o.jobs {
			if end := endOf(job); end != nil && end.Type == kind && job.DeletionTimestamp == nil {
				some = append(some, job)
			}
		}
		slices.SortFunc(some, byAge)
		surplus = append(surplus, some[:max(len(some)-int(*limit), 0)]...)
	}
	slices.SortFunc(surplus, byAge)
	return surplus
}

// start decides about the last time that has passed without a Job.
func (o observed) start(out *outcome, s schedule, active []*batch.Job, zone *time.Location) {
	since := o.last()
	deadline := o.cron.Spec.StartingDeadlineSeconds
	if deadline != nil {
		if earliest := o.now.Add(-time.Duration(*deadline) * time.Second); earliest.After(since) {
			since = earliest
		}
	}
	due, many, ok := latest(s, since, o.now)
	if !ok {
		return
	}
	if many {
		out.tell(v1.EventTypeWarning, "TooManyMissedTimes", "too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew")
	}
	job := o.newJob(due, zone)
	if slices.ContainsFunc(o.jobs, func(j *batch.Job) bool { return j.Name == job.Name }) {
		out.status.LastScheduleTime = &metav1.Time{Time: due} // made before; only noting it had failed
		return
	}
	if len(active) > 0 {
		switch o.cron.Spec.ConcurrencyPolicy {
		case batch.ForbidConcurrent:
			out.tell(v1.EventTypeNormal, "JobAlreadyActive", "Not starting job because prior execution is running and concurrency policy is Forbid")
			return
		case batch.ReplaceConcurrent:
			for _, one := range active {
				if one.DeletionTimestamp == nil {
					out.remove = append(out.remove, one)
				}
			}
			out.status.Active = nil
		}
	}
	out.create, out.due = job, due
}

// newJob makes the Job of a time. Its name follows from the time in minutes, so that it is made once.
func (o observed) newJob(due time.Time, zone *time.Location) *batch.Job {
	template := o.cron.Spec.JobTemplate.DeepCopy()
	job := &batch.Job{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: o.cron.Namespace, Name: fmt.Sprintf("%s-%d", o.cron.Name, due.Unix()/60),
			Labels: maps.Clone(template.Labels), Annotations: maps.Clone(template.Annotations),
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(o.cron, kind())},
		},
		Spec: template.Spec,
	}
	if job.Annotations == nil {
		job.Annotations = map[string]string{}
	}
	job.Annotations[batch.CronJobScheduledTimestampAnnotation] = due.In(zone).Format(time.RFC3339)
	return job
}
