package job

import (
	"fmt"
	"slices"
	"strconv"
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

func newJob(changes ...func(*batch.Job)) *batch.Job {
	labels := map[string]string{"job-name": "sum"}
	job := &batch.Job{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "sum", UID: "u"},
		Spec: batch.JobSpec{
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: v1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: v1.PodSpec{RestartPolicy: v1.RestartPolicyNever, Containers: []v1.Container{{Name: "main", Image: "i"}}}},
		},
		Status: batch.JobStatus{StartTime: &metav1.Time{Time: start}},
	}
	with(1, 1)(job)
	for _, change := range changes {
		change(job)
	}
	return job
}

// with sets parallelism and completions; completions below 0 means none.
func with(parallelism, completions int32) func(*batch.Job) {
	return func(job *batch.Job) {
		job.Spec.Parallelism, job.Spec.Completions = &parallelism, &completions
		if completions < 0 {
			job.Spec.Completions = nil
		}
	}
}

func withIndexes(completions int32) func(*batch.Job) {
	return func(job *batch.Job) {
		mode := batch.IndexedCompletion
		job.Spec.CompletionMode = &mode
		with(completions, completions)(job)
	}
}

func backoff(limit int32) func(*batch.Job) {
	return func(job *batch.Job) { job.Spec.BackoffLimit = &limit }
}
func perIndex(limit int32) func(*batch.Job) {
	return func(job *batch.Job) { job.Spec.BackoffLimitPerIndex = &limit }
}
func deadline(seconds int64) func(*batch.Job) {
	return func(job *batch.Job) { job.Spec.ActiveDeadlineSeconds = &seconds }
}
func suspend(job *batch.Job) { yes := true; job.Spec.Suspend = &yes }
func onlyFailed(job *batch.Job) {
	policy := batch.Failed
	job.Spec.PodReplacementPolicy = &policy
}
func counted(succeeded, failed int32) func(*batch.Job) {
	return func(job *batch.Job) { job.Status.Succeeded, job.Status.Failed = succeeded, failed }
}
func target(kind batch.JobConditionType, reason string) func(*batch.Job) {
	return func(job *batch.Job) { setCondition(&job.Status, newCondition(kind, reason, "", start)) }
}

// parsePod reads "name [succeeded|failed|ending|free|index=n|failures=n] ..."; free pods have no finalizer.
func parsePod(text string) *v1.Pod {
	words := strings.Fields(text)
	pod := &v1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: words[0], UID: types.UID(words[0]), Finalizers: []string{batch.JobTrackingFinalizer}, Annotations: map[string]string{}},
		Status:     v1.PodStatus{Phase: v1.PodRunning},
	}
	for _, word := range words[1:] {
		name, value, _ := strings.Cut(word, "=")
		switch name {
		case "succeeded":
			pod.Status.Phase = v1.PodSucceeded
		case "failed":
			pod.Status.Phase = v1.PodFailed
			pod.Status.ContainerStatuses = []v1.ContainerStatus{{Name: "main", State: v1.ContainerState{Terminated: &v1.ContainerStateTerminated{ExitCode: 1, FinishedAt: metav1.NewTime(start)}}}}
		case "ending":
			pod.DeletionTimestamp = &metav1.Time{Time: start}
		case "free":
			pod.Finalizers = nil
		case "index":
			pod.Annotations[batch.JobCompletionIndexAnnotation] = value
		case "failures":
			pod.Annotations[batch.JobIndexFailureCountAnnotation] = value
		}
	}
	return pod
}

// text is an outcome in short: creations (by index), deletions, finalizers to take, and how the Job ends.
func text(out outcome) string {
	var words []string
	plain := 0
	for _, one := range out.create {
		if one.index == noIndex {
			plain++
			continue
		}
		word := "+" + strconv.Itoa(one.index)
		if one.failures > 0 {
			word += fmt.Sprintf("(%d)", one.failures)
		}
		words = append(words, word)
	}
	if plain > 0 {
		words = append(words, fmt.Sprintf("+%d pods", plain))
	}
	for _, pod := range out.remove {
		words = append(words, "-"+pod.Name)
	}
	var free []string
	for _, pod := range out.tally.untrack {
		free = append(free, "free "+pod.Name)
	}
	slices.Sort(free)
	words = append(words, free...)
	if out.ending != nil {
		words = append(words, string(out.ending.Type)+" "+out.ending.Reason)
	}
	if out.final != nil {
		words = append(words, string(out.final.Type))
	}
	return strings.Join(words, ", ")
}

func TestPlan(t *testing.T) {
	tests := []struct {
		name  string
		job   *batch.Job
		pods  []string
		after int // seconds after start
		want  string
	}{
		{name: "first pod", job: newJob(), want: "+1 pods"},
		{name: "as many as allowed", job: newJob(with(3, 10)), pods: []string{"a"}, want: "+2 pods"},
		{name: "a burst of those that have no bound", job: newJob(with(2_000_000_000, 2_000_000_000)), want: "+500 pods"},
		{name: "no more than are missing", job: newJob(with(5, 10), counted(8, 0)), want: "+2 pods"},
		{name: "too many", job: newJob(with(1, 10)), pods: []string{"a", "b"}, want: "-a"},
		{name: "success is noted first", job: newJob(), pods: []string{"a succeeded"}, want: "free a, SuccessCriteriaMet CompletionsReached"},
		{name: "then the job is complete", job: newJob(counted(1, 0), target(batch.JobSuccessCriteriaMet, "CompletionsReached")), pods: []string{"a succeeded free"}, want: "SuccessCriteriaMet CompletionsReached, Complete"},
		{name: "no completions wanted", job: newJob(with(1, 0)), want: "SuccessCriteriaMet CompletionsReached, Complete"},
		{name: "any success will do, but others may finish", job: newJob(with(2, -1)), pods: []string{"a succeeded", "b"}, want: "free a"},
		{name: "any success will do", job: newJob(with(2, -1), counted(1, 0)), pods: []string{"a succeeded free"}, want: "SuccessCriteriaMet CompletionsReached, Complete"},
		{name: "failure: a pause", job: newJob(), pods: []string{"a failed"}, want: "free a"},
		{name: "failure: after the pause", job: newJob(), pods: []string{"a failed"}, after: 11, want: "+1 pods, free a"},
		{name: "too many failures", job: newJob(backoff(0)), pods: []string{"a failed", "b"}, want: "-b, free a, FailureTarget BackoffLimitExceeded"},
		{name: "failed", job: newJob(backoff(0), counted(0, 1), target(batch.JobFailureTarget, "BackoffLimitExceeded")), want: "FailureTarget BackoffLimitExceeded, Failed"},
		{name: "failed, but a pod still ends", job: newJob(backoff(0), counted(0, 1), target(batch.JobFailureTarget, "BackoffLimitExceeded")), pods: []string{"b ending free"}, want: "FailureTarget BackoffLimitExceeded"},
		{name: "past the deadline", job: newJob(deadline(30)), pods: []string{"a"}, after: 31, want: "-a, FailureTarget DeadlineExceeded"},
		{name: "suspended", job: newJob(suspend), pods: []string{"a"}, want: "-a"},
		{name: "an ending pod is replaced", job: newJob(), pods: []string{"a ending"}, after: 11, want: "+1 pods, free a"},
		{name: "an ending pod is waited for", job: newJob(onlyFailed), pods: []string{"a ending"}, after: 11, want: ""},
		{name: "indexes", job: newJob(withIndexes(4)), pods: []string{"a index=1", "b index=3 succeeded"}, want: "+0, +2, free b"},
		{name: "two pods of an index", job: newJob(withIndexes(2)), pods: []string{"a index=0", "b index=0", "c index=1"}, want: "-b"},
		{name: "all indexes", job: newJob(withIndexes(2)), pods: []string{"a index=0 succeeded", "b index=1 succeeded"}, want: "free a, free b, SuccessCriteriaMet CompletionsReached"},
		{name: "index fails and is tried again", job: newJob(withIndexes(2), perIndex(1)), pods: []string{"a index=0 failed", "b index=1"}, after: 11, want: "+0(1)"},
		{name: "its pod is free when the next one is there", job: newJob(withIndexes(2), perIndex(1)), pods: []string{"a index=0 failed", "a2 index=0 failures=1", "b index=1"}, after: 11, want: "free a"},
		{name: "index has failed", job: newJob(withIndexes(2), perIndex(1)), pods: []string{"a2 index=0 failures=1 failed", "b index=1"}, want: "free a2"},
		{name: "all others done", job: newJob(withIndexes(2), perIndex(0)), pods: []string{"a index=0 failed", "b index=1 succeeded"}, want: "free a, free b, FailureTarget FailedIndexes"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			o := observed{job: test.job, now: start.Add(time.Duration(test.after) * time.Second)}
			for _, one := range test.pods {
				o.pods = append(o.pods, parsePod(one))
			}
			if diff := cmp.Diff(test.want, text(plan(o))); diff != "" {
				t.Errorf("outcome (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPause(t *testing.T) {
	for failures, want := range map[int]time.Duration{0: 0, 1: 10, 2: 20, 4: 80, 7: 600, 100: 600} {
		if got := pause(failures, start, start); got != want*time.Second {
			t.Errorf("pause after %d failures %v, want %ds", failures, got, want)
		}
	}
	if got := pause(1, start, start.Add(4*time.Second)); got != 6*time.Second {
		t.Errorf("pause 4 s after the failure %v, want 6s", got)
	}
	m := memory{}.after(tally{newFailures: []time.Time{start, start.Add(time.Second)}})
	if diff := cmp.Diff(memory{2, start.Add(time.Second)}, m, cmp.AllowUnexported(memory{})); diff != "" {
		t.Errorf("memory (-want +got):\n%s", diff)
	}
	if m = m.after(tally{newSuccess: true}); m != (memory{}) {
		t.Errorf("memory after a success: %v", m)
	}
}

// A pod is written down, loses its finalizer, and is then in the counters, exactly once.
func TestCountingIsExact(t *testing.T) {
	job := newJob(with(2, 5))
	pods := []*v1.Pod{parsePod("a succeeded"), parsePod("b failed"), parsePod("c")}
	for step, want := range []string{"0+1 0+1", "0+1 0+1", "1+0 1+0", "1+0 1+0"} {
		o := observed{job: job, pods: pods, now: start}
		job = job.DeepCopy()
		job.Status = o.status(plan(o), 0, 0, 0)
		s := job.Status
		if got := fmt.Sprintf("%d+%d %d+%d", s.Succeeded, len(s.UncountedTerminatedPods.Succeeded), s.Failed, len(s.UncountedTerminatedPods.Failed)); got != want {
			t.Errorf("step %d: counted %s, want %s", step, got, want)
		}
		if step == 1 {
			pods = []*v1.Pod{parsePod("a succeeded free"), parsePod("c")} // b has gone
		}
	}
}

func TestStatusOfSuspension(t *testing.T) {
	o := observed{job: newJob(suspend), now: start}
	s := o.status(plan(o), 0, 0, 0)
	if c := findCondition(s, batch.JobSuspended); c == nil || c.Status != v1.ConditionTrue || s.StartTime != nil {
		t.Errorf("suspended: condition %v, started %v", c, s.StartTime)
	}
	resumed := newJob()
	resumed.Status = s
	o = observed{job: resumed, now: start.Add(time.Hour)}
	s = o.status(plan(o), 1, 0, 0)
	if c := findCondition(s, batch.JobSuspended); c == nil || c.Status != v1.ConditionFalse || !s.StartTime.Time.Equal(o.now) {
		t.Errorf("resumed: condition %v, started %v", c, s.StartTime)
	}
}
