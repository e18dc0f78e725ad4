package batch

import (
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/proa-sh/proa/staging/apirules/internal/rulestest"
)

// change is one step in the life of a job's status.
type change func(*batchv1.Job)

// statusCase is a history: the job comes to its last step by before, which is not ruled, and the step is.
type statusCase struct {
	name   string
	before []change
	step   change
	want   []string
}

func at(seconds int64) *metav1.Time { return &metav1.Time{Time: time.Unix(seconds, 0)} }

func conditions(types ...batchv1.JobConditionType) change {
	return func(j *batchv1.Job) {
		for _, t := range types {
			j.Status.Conditions = append(j.Status.Conditions, batchv1.JobCondition{Type: t, Status: v1.ConditionTrue})
		}
	}
}

func starts(j *batchv1.Job)  { j.Status.StartTime = at(1) }
func ends(j *batchv1.Job)    { j.Status.CompletionTime = at(5) }
func suspend(j *batchv1.Job) { j.Spec.Suspend = ptr.To(true) }

// completes is the write with which a job controller ends a job that did its work.
func completes(j *batchv1.Job) {
	conditions(batchv1.JobSuccessCriteriaMet, batchv1.JobComplete)(j)
	ends(j)
}

func indexed(completions, parallelism int32) change {
	return func(j *batchv1.Job) {
		j.Spec.CompletionMode, j.Spec.Completions, j.Spec.Parallelism = ptr.To(batchv1.IndexedCompletion), &completions, &parallelism
		j.Spec.BackoffLimitPerIndex = ptr.To[int32](1)
	}
}

func all(steps ...change) change {
	return func(j *batchv1.Job) {
		for _, s := range steps {
			s(j)
		}
	}
}

func runStatus(t *testing.T, cases []statusCase) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			old := validJob()
			all(c.before...)(old)
			next := old.DeepCopy()
			c.step(next)
			rulestest.Check(t, ValidateJobStatusUpdate(next, old), c.want...)
		})
	}
}

func TestJobStatusEnds(t *testing.T) {
	const cond, start, end = "status.conditions", "status.startTime", "status.completionTime"
	nothingToDo := func(j *batchv1.Job) { j.Spec.Completions = ptr.To[int32](0) }
	runStatus(t, []statusCase{
		{name: "complete", before: []change{starts}, step: completes},
		{name: "failed", before: []change{starts}, step: conditions(batchv1.JobFailureTarget, batchv1.JobFailed)},
		{name: "complete without criteria", before: []change{starts}, step: all(conditions(batchv1.JobComplete), ends), want: []string{invalid(cond)}},
		{name: "failed without target", before: []change{starts}, step: conditions(batchv1.JobFailed), want: []string{invalid(cond)}},
		{name: "both", before: []change{starts, completes}, step: conditions(batchv1.JobFailureTarget, batchv1.JobFailed), want: []string{invalid(cond)}},
		{name: "criteria and target", before: []change{starts, conditions(batchv1.JobSuccessCriteriaMet)}, step: conditions(batchv1.JobFailureTarget), want: []string{invalid(cond)}},
		{name: "target and complete", before: []change{starts, conditions(batchv1.JobFailureTarget)}, step: completes, want: []string{invalid(cond)}},
		{name: "undone", before: []change{starts, completes}, step: func(j *batchv1.Job) { j.Status.Conditions, j.Status.CompletionTime = nil, nil },
			want: []string{invalid(cond)}},
		{name: "time without end", before: []change{starts}, step: ends, want: []string{invalid(end)}},
		{name: "end without time", before: []change{starts}, step: conditions(batchv1.JobSuccessCriteriaMet, batchv1.JobComplete), want: []string{required(end)}},
		{name: "end before start", before: []change{func(j *batchv1.Job) { j.Status.StartTime = at(9) }}, step: completes, want: []string{invalid(end)}},
		{name: "end moved", before: []change{starts, completes}, step: func(j *batchv1.Job) { j.Status.CompletionTime = at(6) }, want: []string{invalid(end)}},
		{name: "end taken away", before: []change{starts, completes}, step: func(j *batchv1.Job) { j.Status.CompletionTime = nil }, want: []string{required(end)}},
		{name: "ends before it started", step: completes, want: []string{required(start)}},
		{name: "suspended, ends before it started", before: []change{suspend}, step: completes, want: []string{required(start)}},
		{name: "suspended, has nothing to do", before: []change{suspend, nothingToDo}, step: completes},
		{name: "suspended and failed, has nothing to do", before: []change{suspend, nothingToDo}, step: conditions(batchv1.JobFailureTarget, batchv1.JobFailed)},
		{name: "resumed after its end", before: []change{nothingToDo, completes}, step: func(j *batchv1.Job) { j.Status.Terminating = ptr.To[int32](0) }},
		{name: "start taken away after the end", before: []change{suspend, starts, completes}, step: func(j *batchv1.Job) { j.Status.StartTime = nil }, want: []string{required(start)}},
	})
}

func TestJobStatusCounts(t *testing.T) {
	succeeded := func(n int32) change { return func(j *batchv1.Job) { j.Status.Succeeded = n } }
	failed := func(n int32) change { return func(j *batchv1.Job) { j.Status.Failed = n } }
	active := func(n int32) change { return func(j *batchv1.Job) { j.Status.Active = n } }
	ready := func(n int32) change { return func(j *batchv1.Job) { j.Status.Ready = &n } }
	terminating := func(n int32) change { return func(j *batchv1.Job) { j.Status.Terminating = &n } }
	uncounted := func(j *batchv1.Job) {
		j.Status.UncountedTerminatedPods = &batchv1.UncountedTerminatedPods{Succeeded: []types.UID{"a"}}
	}
	runStatus(t, []statusCase{
		{name: "negative", step: all(active(-1), succeeded(-1), failed(-1), terminating(-1)),
			want: []string{invalid("status.active"), invalid("status.succeeded"), invalid("status.failed"), invalid("status.terminating")}},
		{name: "more ready than active", before: []change{active(1)}, step: ready(2), want: []string{invalid("status.ready")}},
		{name: "fewer active than ready", before: []change{active(2), ready(2)}, step: active(1), want: []string{invalid("status.ready")}},
		{name: "fewer succeeded", before: []change{succeeded(2)}, step: succeeded(1), want: []string{invalid("status.succeeded")}},
		{name: "fewer failed", before: []change{failed(2)}, step: failed(1), want: []string{invalid("status.failed")}},
		{name: "fewer succeeded of an indexed job that shrank", before: []change{indexed(3, 3), succeeded(3)}, step: succeeded(2)},
		{name: "fewer succeeded of a narrow indexed job", before: []change{indexed(3, 2), succeeded(3)}, step: succeeded(2), want: []string{invalid("status.succeeded")}},
		{name: "ends with active", before: []change{starts, active(1)}, step: completes, want: []string{invalid("status.active")}},
		{name: "ends with terminating", before: []change{starts, terminating(1)}, step: completes, want: []string{invalid("status.terminating")}},
		{name: "ends with uncounted", before: []change{starts, uncounted}, step: completes, want: []string{invalid("status.uncountedTerminatedPods")}},
		{name: "active after the end", before: []change{starts, completes}, step: active(1), want: []string{invalid("status.active")}},
		{name: "uncounted after the end", before: []change{starts, completes}, step: uncounted, want: []string{invalid("status.uncountedTerminatedPods")}},
		{name: "counted twice", step: func(j *batchv1.Job) {
			j.Status.UncountedTerminatedPods = &batchv1.UncountedTerminatedPods{Succeeded: []types.UID{"a"}, Failed: []types.UID{"a", ""}}
		}, want: []string{rulestest.Duplicate("status.uncountedTerminatedPods.failed[0]"), invalid("status.uncountedTerminatedPods.failed[1]")}},
	})
}

func TestJobStatusStart(t *testing.T) {
	move := func(j *batchv1.Job) { j.Status.StartTime = at(3) }
	remove := func(j *batchv1.Job) { j.Status.StartTime = nil }
	resume := func(j *batchv1.Job) {
		j.Status.Conditions = []batchv1.JobCondition{{Type: batchv1.JobSuspended, Status: v1.ConditionFalse}}
	}
	runStatus(t, []statusCase{
		{name: "start", step: starts},
		{name: "running, moved", before: []change{starts}, step: move, want: []string{invalid("status.startTime")}},
		{name: "running, removed", before: []change{starts}, step: remove, want: []string{required("status.startTime")}},
		{name: "suspended, removed", before: []change{starts, suspend}, step: remove},
		{name: "suspended, moved", before: []change{starts, suspend}, step: move},
		{name: "resumed, moved", before: []change{starts, conditions(batchv1.JobSuspended)}, step: all(resume, move)},
		{name: "resumed before, moved", before: []change{starts, resume}, step: move, want: []string{invalid("status.startTime")}},
	})
}

func TestJobStatusIndexes(t *testing.T) {
	completed := func(text string) change { return func(j *batchv1.Job) { j.Status.CompletedIndexes = text } }
	failed := func(text string) change { return func(j *batchv1.Job) { j.Status.FailedIndexes = &text } }
	withoutLimit := func(j *batchv1.Job) { j.Spec.BackoffLimitPerIndex = nil }
	const c, f = "status.completedIndexes", "status.failedIndexes"
	runStatus(t, []statusCase{
		{name: "completed", before: []change{indexed(9, 9)}, step: all(completed("0,2-4"), failed("1,5-8"))},
		{name: "no index", step: all(completed("0"), failed("1")), want: []string{invalid(c), invalid(f)}},
		{name: "no limit", before: []change{indexed(9, 9), withoutLimit}, step: failed(""), want: []string{invalid(f)}},
		{name: "nonsense", before: []change{indexed(9, 9)}, step: all(completed("a"), failed("3,2")), want: []string{invalid(c), invalid(f)}},
		{name: "too large", before: []change{indexed(9, 9)}, step: completed("9"), want: []string{invalid(c)}},
		{name: "scaled down, not yet told", before: []change{indexed(9, 9), completed("0-8"), indexed(3, 3)}, step: func(j *batchv1.Job) { j.Status.Active = 1 }},
		{name: "completed and failed", before: []change{indexed(9, 9), completed("0,2-4")}, step: failed("3"), want: []string{invalid(f)}},
		{name: "failed and completed", before: []change{indexed(9, 9), failed("0,7-8")}, step: completed("1-7"), want: []string{invalid(f)}},
	})
	old := validJob()
	indexed(9, 9)(old)
	next := old.DeepCopy()
	all(completed("0,2-4"), failed("1,4-6"))(next)
	rulestest.Message(t, ValidateJobStatusUpdate(next, old), `status.failedIndexes: Invalid value: "1,4-6": failedIndexes and completedIndexes overlap at index: 4`)
}

// TestJobStatusKeepsWhatIsStored: a rule that a stored status breaks does not forbid writes about something else.
func TestJobStatusKeepsWhatIsStored(t *testing.T) {
	told := func(j *batchv1.Job) { j.Status.Failed++ }
	both := conditions(batchv1.JobComplete, batchv1.JobFailed)
	runStatus(t, []statusCase{
		{name: "complete and failed, no times", before: []change{both}, step: told},
		{name: "failed with active", before: []change{conditions(batchv1.JobFailed), func(j *batchv1.Job) { j.Status.Active = 2 }}, step: told},
		{name: "time without end", before: []change{ends}, step: told},
		{name: "ready", before: []change{func(j *batchv1.Job) { j.Status.Ready = ptr.To[int32](3) }}, step: told},
		{name: "indexes", before: []change{func(j *batchv1.Job) { j.Status.CompletedIndexes, j.Status.FailedIndexes = "x", ptr.To("y") }}, step: told},
	})
}
