package batch

import (
	"fmt"

	batchv1 "k8s.io/api/batch/v1"
	v1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"github.com/proa-sh/proa/staging/apirules/meta"
)

// ValidateJobStatusUpdate rules what a job controller, be it a foreign one (KEP-4368), reports: counts that do not
// contradict each other and a job that ends once.
//
// A rule binds a write only if the write changes what the rule is about. A status that is stored already, or that a change
// of the spec has made wrong, can so be mended step by step.
func ValidateJobStatusUpdate(newJ, old *batchv1.Job) field.ErrorList {
	s := statusUpdate{job: newJ, new: &newJ.Status, old: &old.Status, path: field.NewPath("status"), errs: meta.Update(&newJ.ObjectMeta, &old.ObjectMeta)}
	s.counts()
	s.uncounted()
	s.conditions()
	s.times()
	s.indexes()
	s.progress()
	s.start()
	return s.errs
}

// statusUpdate is one write of a job's status and the faults found in it.
type statusUpdate struct {
	job      *batchv1.Job // as it is to be stored
	new, old *batchv1.JobStatus
	path     *field.Path
	errs     field.ErrorList
}

func (s *statusUpdate) add(e ...*field.Error) { s.errs = append(s.errs, e...) }

// turned says whether the write changes if the status has one of the conditions.
func (s *statusUpdate) turned(conditions ...batchv1.JobConditionType) bool {
	for _, t := range conditions {
		if hasCondition(s.new, t) != hasCondition(s.old, t) {
			return true
		}
	}
	return false
}

func hasCondition(s *batchv1.JobStatus, t batchv1.JobConditionType) bool {
	return conditionStatus(s, t) == v1.ConditionTrue
}

func conditionStatus(s *batchv1.JobStatus, t batchv1.JobConditionType) v1.ConditionStatus {
	for _, c := range s.Conditions {
		if c.Type == t {
			return c.Status
		}
	}
	return ""
}

func finished(s *batchv1.JobStatus) bool {
	return hasCondition(s, batchv1.JobComplete) || hasCondition(s, batchv1.JobFailed)
}

func (s *statusUpdate) counts() {
	n, o, p := s.new, s.old, s.path
	s.add(meta.NonNegative(n.Active, p.Child("active"))...)
	s.add(meta.NonNegative(n.Succeeded, p.Child("succeeded"))...)
	s.add(meta.NonNegative(n.Failed, p.Child("failed"))...)
	s.add(meta.NonNegative(ptr.Deref(n.Ready, 0), p.Child("ready"))...)
	s.add(meta.NonNegative(ptr.Deref(n.Terminating, 0), p.Child("terminating"))...)
	if (n.Active != o.Active || !ptr.Equal(n.Ready, o.Ready)) && n.Ready != nil && *n.Ready > n.Active {
		s.add(field.Invalid(p.Child("ready"), *n.Ready, "cannot set more ready pods than active"))
	}
	if !finished(n) {
		return
	}
	ends := !finished(o)
	if (ends || n.Active != o.Active) && n.Active > 0 {
		s.add(field.Invalid(p.Child("active"), n.Active, "active>0 is invalid for finished job"))
	}
	if t := ptr.Deref(n.Terminating, 0); (ends || !ptr.Equal(n.Terminating, o.Terminating)) && t > 0 {
		s.add(field.Invalid(p.Child("terminating"), t, "terminating>0 is invalid for finished job"))
	}
}

// uncounted wants each pod to have ended once, and all of them to be counted at the end.
func (s *statusUpdate) uncounted() {
	u, p := s.new.UncountedTerminatedPods, s.path.Child("uncountedTerminatedPods")
	if u == nil {
		return
	}
	seen := sets.New[types.UID]()
	list := func(uids []types.UID, name string) {
		for i, uid := range uids {
			up := p.Child(name).Index(i)
			if uid == "" {
				s.add(field.Invalid(up, uid, "must not be empty"))
			} else if seen.Has(uid) {
				s.add(field.Duplicate(up, uid))
			}
			seen.Insert(uid)
		}
	}
	list(u.Succeeded, "succeeded")
	list(u.Failed, "failed")
	changed := finished(s.new) != finished(s.old) || !apiequality.Semantic.DeepEqual(u, s.old.UncountedTerminatedPods)
	if changed && finished(s.new) && len(seen) > 0 {
		s.add(field.Invalid(p, u, "uncountedTerminatedPods needs to be empty for finished job"))
	}
}

// conditions keeps success and failure apart, and wants the decision to be told before, or with, the end.
func (s *statusUpdate) conditions() {
	p := s.path.Child("conditions")
	exclude := func(a, b batchv1.JobConditionType) {
		if s.turned(a, b) && hasCondition(s.new, a) && hasCondition(s.new, b) {
			s.add(field.Invalid(p, field.OmitValueType{}, fmt.Sprintf("cannot set %s=True and %s=true conditions", a, b)))
		}
	}
	exclude(batchv1.JobComplete, batchv1.JobFailed)
	exclude(batchv1.JobComplete, batchv1.JobFailureTarget)
	exclude(batchv1.JobSuccessCriteriaMet, batchv1.JobFailureTarget)
	exclude(batchv1.JobSuccessCriteriaMet, batchv1.JobFailed)
	need := func(end, decision batchv1.JobConditionType) {
		if s.turned(end, decision) && hasCondition(s.new, end) && !hasCondition(s.new, decision) {
			s.add(field.Invalid(p, field.OmitValueType{}, fmt.Sprintf("cannot set %s=True condition without the %s=true condition", end, decision)))
		}
	}
	need(batchv1.JobFailed, batchv1.JobFailureTarget)
	need(batchv1.JobComplete, batchv1.JobSuccessCriteriaMet)
}

func (s *statusUpdate) times() {
	n, o, p := s.new, s.old, s.path
	started, ended := !n.StartTime.Equal(o.StartTime), !n.CompletionTime.Equal(o.CompletionTime)
	if complete := hasCondition(n, batchv1.JobComplete); ended || s.turned(batchv1.JobComplete) {
		if n.CompletionTime != nil && !complete {
			s.add(field.Invalid(p.Child("completionTime"), n.CompletionTime, "cannot set completionTime when there is no Complete=True condition"))
		}
		if n.CompletionTime == nil && complete {
			s.add(field.Required(p.Child("completionTime"), "completionTime is required for Complete jobs"))
		}
	}
	if (started || ended) && n.CompletionTime != nil && n.StartTime != nil && n.CompletionTime.Before(n.StartTime) {
		s.add(field.Invalid(p.Child("completionTime"), n.CompletionTime, "completionTime cannot be set before startTime"))
	}
	if o.CompletionTime != nil && n.CompletionTime != nil && ended {
		s.add(field.Invalid(p.Child("completionTime"), n.CompletionTime, "completionTime cannot be mutated"))
	}
	// A suspended job that has nothing to do ends without having started.
	neverStarts := ptr.Deref(s.job.Spec.Suspend, false) && ptr.Deref(s.job.Spec.Completions, -1) == 0
	if finished(n) && n.StartTime == nil && (started || !finished(o)) && !neverStarts {
		s.add(field.Required(p.Child("startTime"), "startTime is required for finished job"))
	}
}

// start wants a running job to keep the time of its start, which activeDeadlineSeconds is counted from; it is set anew
// when the job is resumed.
func (s *statusUpdate) start() {
	resumed := hasCondition(s.old, batchv1.JobSuspended) && conditionStatus(s.new, batchv1.JobSuspended) == v1.ConditionFalse
	if s.old.StartTime == nil || ptr.Deref(s.job.Spec.Suspend, false) || resumed || s.new.StartTime.Equal(s.old.StartTime) {
		return
	}
	p := s.path.Child("startTime")
	if s.new.StartTime == nil {
		s.add(field.Required(p, "startTime cannot be removed for unsuspended job"))
	} else {
		s.add(field.Invalid(p, s.new.StartTime, "startTime is immutable once set for unsuspended job"))
	}
}

func (s *statusUpdate) indexes() {
	n, completions := s.new, int64(ptr.Deref(s.job.Spec.Completions, 0))
	cp, fp := s.path.Child("completedIndexes"), s.path.Child("failedIndexes")
	newCompleted, newFailed := n.CompletedIndexes != s.old.CompletedIndexes, !ptr.Equal(n.FailedIndexes, s.old.FailedIndexes)
	var completed, failed []interval
	var completedErr, failedErr error
	if ptr.Deref(s.job.Spec.CompletionMode, "") == batchv1.IndexedCompletion {
		completed, completedErr = parseIndexes(n.CompletedIndexes, completions)
		failed, failedErr = parseIndexes(ptr.Deref(n.FailedIndexes, ""), completions)
	} else if newCompleted && n.CompletedIndexes != "" {
		s.add(field.Invalid(cp, n.CompletedIndexes, "cannot set non-empty completedIndexes when non-indexed completion mode"))
	}
	// Jobs without indexes have no limit of them either.
	if newFailed && n.FailedIndexes != nil && s.job.Spec.BackoffLimitPerIndex == nil {
		s.add(field.Invalid(fp, *n.FailedIndexes, "cannot set non-null failedIndexes when backoffLimitPerIndex is null"))
	}
	if newCompleted && completedErr != nil {
		s.add(field.Invalid(cp, n.CompletedIndexes, fmt.Sprintf("error parsing completedIndexes: %s", completedErr)))
	}
	if newFailed && failedErr != nil {
		s.add(field.Invalid(fp, *n.FailedIndexes, fmt.Sprintf("error parsing failedIndexes: %s", failedErr)))
	}
	if at, both := overlap(completed, failed); both && (newCompleted || newFailed) {
		s.add(field.Invalid(fp, *n.FailedIndexes, fmt.Sprintf("failedIndexes and completedIndexes overlap at index: %d", at)))
	}
}

// progress forbids that what has been decided or counted is undone.
func (s *statusUpdate) progress() {
	n, o, p := s.new, s.old, s.path
	for _, t := range []batchv1.JobConditionType{batchv1.JobFailed, batchv1.JobComplete, batchv1.JobFailureTarget, batchv1.JobSuccessCriteriaMet} {
		if hasCondition(o, t) && !hasCondition(n, t) {
			s.add(field.Invalid(p.Child("conditions"), field.OmitValueType{}, fmt.Sprintf("cannot disable the terminal %s=True condition", t)))
		}
	}
	if n.Failed < o.Failed {
		s.add(field.Invalid(p.Child("failed"), n.Failed, "cannot decrease the failed counter"))
	}
	// An indexed job that is scaled down with its parallelism forgets the indexes above (KEP-3715).
	spec := &s.job.Spec
	shrinks := ptr.Deref(spec.CompletionMode, "") == batchv1.IndexedCompletion && ptr.Equal(spec.Completions, spec.Parallelism)
	if n.Succeeded < o.Succeeded && !shrinks {
		s.add(field.Invalid(p.Child("succeeded"), n.Succeeded, "cannot decrease the succeeded counter"))
	}
}
