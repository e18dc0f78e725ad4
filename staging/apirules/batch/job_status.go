package batch

import (
	"fmt"

	batchv1 "k8s.io/api/batch/v1"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"github.com/proa-sh/proa/staging/apirules/meta"
)

// ValidateJobStatusUpdate rules what a job controller, be it a foreign one (KEP-4368), reports: counts that do not
// contradict each other and a job that ends once.
func ValidateJobStatusUpdate(newJ, old *batchv1.Job) field.ErrorList {
	errs := meta.Update(&newJ.ObjectMeta, &old.ObjectMeta)
	p := field.NewPath("status")
	errs = append(errs, jobCounts(&newJ.Status, p)...)
	errs = append(errs, uncounted(newJ.Status.UncountedTerminatedPods, p.Child("uncountedTerminatedPods"))...)
	errs = append(errs, jobConditions(&newJ.Status, p.Child("conditions"))...)
	errs = append(errs, jobTimes(newJ, p)...)
	errs = append(errs, jobIndexes(newJ, p)...)
	return append(errs, jobProgress(newJ, old, p)...)
}

func jobCounts(s *batchv1.JobStatus, p *field.Path) field.ErrorList {
	errs := meta.NonNegative(s.Active, p.Child("active"))
	errs = append(errs, meta.NonNegative(s.Succeeded, p.Child("succeeded"))...)
	errs = append(errs, meta.NonNegative(s.Failed, p.Child("failed"))...)
	if s.Ready != nil {
		errs = append(errs, meta.NonNegative(*s.Ready, p.Child("ready"))...)
		if *s.Ready > s.Active {
			errs = append(errs, field.Invalid(p.Child("ready"), *s.Ready, "cannot set more ready pods than active"))
		}
	}
	if s.Terminating != nil {
		errs = append(errs, meta.NonNegative(*s.Terminating, p.Child("terminating"))...)
	}
	if finished(s) {
		if s.Active > 0 {
			errs = append(errs, field.Invalid(p.Child("active"), s.Active, "active>0 is invalid for finished job"))
		}
		if n := ptr.Deref(s.Ready, 0); n > 0 {
			errs = append(errs, field.Invalid(p.Child("ready"), n, "ready>0 is invalid for finished job"))
		}
		if n := ptr.Deref(s.Terminating, 0); n > 0 {
			errs = append(errs, field.Invalid(p.Child("terminating"), n, "terminating>0 is invalid for finished job"))
		}
		if u := s.UncountedTerminatedPods; u != nil && len(u.Failed)+len(u.Succeeded) > 0 {
			errs = append(errs, field.Invalid(p.Child("uncountedTerminatedPods"), u, "uncountedTerminatedPods needs to be empty for finished job"))
		}
	}
	return errs
}

// uncounted wants each pod to have ended once.
func uncounted(u *batchv1.UncountedTerminatedPods, p *field.Path) field.ErrorList {
	if u == nil {
		return nil
	}
	var errs field.ErrorList
	seen := sets.New[types.UID]()
	list := func(uids []types.UID, name string) {
		for i, uid := range uids {
			up := p.Child(name).Index(i)
			if uid == "" {
				errs = append(errs, field.Invalid(up, uid, "must not be empty"))
			} else if seen.Has(uid) {
				errs = append(errs, field.Duplicate(up, uid))
			}
			seen.Insert(uid)
		}
	}
	list(u.Succeeded, "succeeded")
	list(u.Failed, "failed")
	return errs
}

func condition(s *batchv1.JobStatus, t batchv1.JobConditionType) bool {
	for _, c := range s.Conditions {
		if c.Type == t && c.Status == v1.ConditionTrue {
			return true
		}
	}
	return false
}

func finished(s *batchv1.JobStatus) bool {
	return condition(s, batchv1.JobComplete) || condition(s, batchv1.JobFailed)
}

// jobConditions keeps success and failure apart.
func jobConditions(s *batchv1.JobStatus, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	exclude := func(a, b batchv1.JobConditionType) {
		if condition(s, a) && condition(s, b) {
			errs = append(errs, field.Invalid(p, field.OmitValueType{}, fmt.Sprintf("cannot set %s=True and %s=true conditions", a, b)))
		}
	}
	exclude(batchv1.JobComplete, batchv1.JobFailed)
	exclude(batchv1.JobComplete, batchv1.JobFailureTarget)
	exclude(batchv1.JobSuccessCriteriaMet, batchv1.JobFailureTarget)
	exclude(batchv1.JobSuccessCriteriaMet, batchv1.JobFailed)
	seen := sets.New[batchv1.JobConditionType]()
	for i, c := range s.Conditions {
		if seen.Has(c.Type) {
			errs = append(errs, field.Duplicate(p.Index(i), c.Type))
		}
		seen.Insert(c.Type)
	}
	return errs
}

func jobTimes(j *batchv1.Job, p *field.Path) field.ErrorList {
	s := &j.Status
	var errs field.ErrorList
	complete := condition(s, batchv1.JobComplete)
	switch {
	case s.CompletionTime != nil && !complete:
		errs = append(errs, field.Invalid(p.Child("completionTime"), s.CompletionTime, "cannot set completionTime when there is no Complete=True condition"))
	case s.CompletionTime == nil && complete:
		errs = append(errs, field.Required(p.Child("completionTime"), "completionTime is required for Complete jobs"))
	case s.CompletionTime != nil && s.StartTime != nil && s.CompletionTime.Before(s.StartTime):
		errs = append(errs, field.Invalid(p.Child("completionTime"), s.CompletionTime, "completionTime cannot be set before startTime"))
	}
	if finished(s) && s.StartTime == nil {
		errs = append(errs, field.Required(p.Child("startTime"), "startTime is required for finished job"))
	}
	return errs
}

func jobIndexes(j *batchv1.Job, p *field.Path) field.ErrorList {
	s := &j.Status
	indexed := ptr.Deref(j.Spec.CompletionMode, "") == batchv1.IndexedCompletion
	var errs field.ErrorList
	if !indexed {
		if s.CompletedIndexes != "" {
			errs = append(errs, field.Invalid(p.Child("completedIndexes"), s.CompletedIndexes, "cannot set non-empty completedIndexes when non-indexed completion mode"))
		}
		if s.FailedIndexes != nil {
			errs = append(errs, field.Invalid(p.Child("failedIndexes"), *s.FailedIndexes, "cannot set non-null failedIndexes when non-indexed completion mode"))
		}
		return errs
	}
	if s.FailedIndexes != nil && j.Spec.BackoffLimitPerIndex == nil {
		errs = append(errs, field.Invalid(p.Child("failedIndexes"), *s.FailedIndexes, "cannot set non-null failedIndexes when backoffLimitPerIndex is null"))
	}
	completions := int64(ptr.Deref(j.Spec.Completions, 0))
	if _, err := countIndexes(s.CompletedIndexes, completions); err != nil {
		errs = append(errs, field.Invalid(p.Child("completedIndexes"), s.CompletedIndexes, fmt.Sprintf("error parsing completedIndexes: %s", err)))
	}
	if s.FailedIndexes != nil {
		if _, err := countIndexes(*s.FailedIndexes, completions); err != nil {
			errs = append(errs, field.Invalid(p.Child("failedIndexes"), *s.FailedIndexes, fmt.Sprintf("error parsing failedIndexes: %s", err)))
		}
	}
	return errs
}

// jobProgress forbids that what has been decided is undone.
func jobProgress(newJ, old *batchv1.Job, p *field.Path) field.ErrorList {
	n, o := &newJ.Status, &old.Status
	var errs field.ErrorList
	for _, t := range []batchv1.JobConditionType{batchv1.JobFailed, batchv1.JobComplete, batchv1.JobFailureTarget, batchv1.JobSuccessCriteriaMet} {
		if condition(o, t) && !condition(n, t) {
			errs = append(errs, field.Invalid(p.Child("conditions"), field.OmitValueType{}, fmt.Sprintf("cannot disable the terminal %s=True condition", t)))
		}
	}
	if o.CompletionTime != nil && !o.CompletionTime.Equal(n.CompletionTime) {
		errs = append(errs, field.Invalid(p.Child("completionTime"), n.CompletionTime, "completionTime cannot be mutated"))
	}
	if n.Failed < o.Failed {
		errs = append(errs, field.Invalid(p.Child("failed"), n.Failed, "cannot decrease the failed counter"))
	}
	if o.StartTime != nil && !ptr.Deref(newJ.Spec.Suspend, false) && n.StartTime == nil {
		errs = append(errs, field.Required(p.Child("startTime"), "startTime cannot be removed for unsuspended job"))
	}
	return errs
}
