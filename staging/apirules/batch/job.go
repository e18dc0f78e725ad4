package batch

import (
	"fmt"

	batchv1 "k8s.io/api/batch/v1"
	v1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"github.com/proa-sh/proa/staging/apirules/core"
	"github.com/proa-sh/proa/staging/apirules/meta"
)

// Limits of indexed jobs, which the API documents at completionMode and maxFailedIndexes.
const (
	maxIndexedParallelism = 100_000
	manyCompletions       = 100_000
	maxFailedOfMany       = 10_000
	maxFailedIndexes      = 100_000
	maxManagedBy          = 63
)

// ValidateJob reports faults of a new job whose selector is generated already (GenerateJobSelector).
func ValidateJob(j *batchv1.Job) field.ErrorList {
	errs := meta.Namespaced(&j.ObjectMeta, meta.SubdomainName)
	p := field.NewPath("spec")
	errs = append(errs, generatedSelector(j, p)...)
	errs = append(errs, jobSpec(&j.Spec, nil, p)...)
	return append(errs, podNames(j)...)
}

// generatedSelector wants the selector of a job to be its own, unless the user has taken it over.
func generatedSelector(j *batchv1.Job, p *field.Path) field.ErrorList {
	if ptr.Deref(j.Spec.ManualSelector, false) {
		return nil
	}
	if j.Spec.Selector == nil {
		return field.ErrorList{field.Required(p.Child("selector"), "")}
	}
	var errs field.ErrorList
	own := map[string]string{
		legacyControllerUID: string(j.UID), batchv1.ControllerUidLabel: string(j.UID),
		legacyJobName: j.Name, batchv1.JobNameLabel: j.Name,
	}
	for _, key := range []string{legacyControllerUID, batchv1.ControllerUidLabel, legacyJobName, batchv1.JobNameLabel} {
		lp := p.Child("template", "metadata", "labels")
		value, ok := j.Spec.Template.Labels[key]
		switch {
		case !ok:
			errs = append(errs, field.Required(lp.Key(key), fmt.Sprintf("must be '%s'", own[key])))
		case value != own[key]:
			errs = append(errs, field.Invalid(lp.Key(key), value, fmt.Sprintf("must be '%s'", own[key])))
		}
	}
	uidOnly := map[string]string{batchv1.ControllerUidLabel: string(j.UID)}
	s, err := metav1.LabelSelectorAsSelector(j.Spec.Selector)
	if err != nil || !s.Matches(labels.Set(own)) || !s.Matches(labels.Set(uidOnly)) || s.Empty() {
		if err == nil && !s.Empty() && s.Matches(labels.Set(own)) {
			return errs // a selector of an older release
		}
		errs = append(errs, field.Invalid(p.Child("selector"), j.Spec.Selector, "`selector` not auto-generated"))
	}
	return errs
}

// podNames wants the names of an indexed job's pods, whose last is the longest, to be host names.
func podNames(j *batchv1.Job) field.ErrorList {
	if ptr.Deref(j.Spec.CompletionMode, "") != batchv1.IndexedCompletion || ptr.Deref(j.Spec.Completions, 0) <= 0 {
		return nil
	}
	last := fmt.Sprintf("%s-%d", j.Name, *j.Spec.Completions-1)
	if faults := validation.IsDNS1123Label(last); len(faults) > 0 {
		return field.ErrorList{field.Invalid(field.NewPath("metadata", "name"), j.Name,
			fmt.Sprintf("will not able to create pod with invalid DNS label: %s", last))}
	}
	return nil
}

// jobSpec rules the spec of a job; old is the stored one, if there is any.
func jobSpec(s, old *batchv1.JobSpec, p *field.Path) field.ErrorList {
	errs := jobNumbers(s, p)
	var oldSel *metav1.LabelSelector
	if old != nil {
		oldSel = old.Selector
	}
	if s.Selector == nil {
		errs = append(errs, field.Required(p.Child("selector"), ""))
	} else {
		errs = append(errs, meta.Selector(s.Selector, p.Child("selector"), meta.SelectorHasInvalidValue(oldSel))...)
		if sel, err := metav1.LabelSelectorAsSelector(s.Selector); err == nil && !sel.Matches(labels.Set(s.Template.Labels)) {
			errs = append(errs, field.Invalid(p.Child("template", "metadata", "labels"), s.Template.Labels, "`selector` does not match template `labels`"))
		}
	}
	return append(errs, jobParts(s, old, p)...)
}

// jobParts is what a cron job's template is ruled by, too.
func jobParts(s, old *batchv1.JobSpec, p *field.Path) field.ErrorList {
	var oldTemplate *v1.PodTemplateSpec
	if old != nil {
		oldTemplate = &old.Template
	}
	errs := core.ValidatePodTemplateSpec(&s.Template, oldTemplate, p.Child("template"))
	errs = append(errs, indexedJob(s, p)...)
	if s.ManagedBy != nil {
		errs = append(errs, validation.IsDomainPrefixedPath(p.Child("managedBy"), *s.ManagedBy)...)
		if len(*s.ManagedBy) > maxManagedBy {
			errs = append(errs, field.TooLong(p.Child("managedBy"), *s.ManagedBy, maxManagedBy))
		}
	}
	if s.CompletionMode != nil {
		errs = append(errs, meta.In(*s.CompletionMode, p.Child("completionMode"), batchv1.NonIndexedCompletion, batchv1.IndexedCompletion)...)
	}
	errs = append(errs, replacementPolicy(s, p.Child("podReplacementPolicy"))...)
	errs = append(errs, failurePolicy(s, p)...)
	errs = append(errs, successPolicy(s, p)...)
	rp := p.Child("template", "spec", "restartPolicy")
	switch policy := s.Template.Spec.RestartPolicy; {
	case policy == v1.RestartPolicyAlways || policy == "":
		errs = append(errs, field.Required(rp, fmt.Sprintf("valid values: %q, %q", v1.RestartPolicyOnFailure, v1.RestartPolicyNever)))
	case policy != v1.RestartPolicyOnFailure && policy != v1.RestartPolicyNever:
		errs = append(errs, field.NotSupported(rp, policy, []v1.RestartPolicy{v1.RestartPolicyOnFailure, v1.RestartPolicyNever}))
	case s.PodFailurePolicy != nil && policy != v1.RestartPolicyNever:
		errs = append(errs, field.Invalid(rp, policy, fmt.Sprintf("only %q is supported when podFailurePolicy is specified", v1.RestartPolicyNever)))
	case s.BackoffLimitPerIndex != nil && policy != v1.RestartPolicyNever:
		errs = append(errs, field.Invalid(rp, policy, "must be Never when backoffLimitPerIndex is specified"))
	}
	return errs
}

func jobNumbers(s *batchv1.JobSpec, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	number := func(v *int32, name string) {
		if v != nil {
			errs = append(errs, meta.NonNegative(*v, p.Child(name))...)
		}
	}
	number(s.Parallelism, "parallelism")
	number(s.Completions, "completions")
	if s.ActiveDeadlineSeconds != nil {
		errs = append(errs, meta.NonNegative(*s.ActiveDeadlineSeconds, p.Child("activeDeadlineSeconds"))...)
	}
	number(s.BackoffLimit, "backoffLimit")
	number(s.TTLSecondsAfterFinished, "ttlSecondsAfterFinished")
	number(s.BackoffLimitPerIndex, "backoffLimitPerIndex")
	number(s.MaxFailedIndexes, "maxFailedIndexes")
	return errs
}

// indexedJob rules the fields that only indexed jobs have (KEP-2214, KEP-3850).
func indexedJob(s *batchv1.JobSpec, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	indexed := ptr.Deref(s.CompletionMode, "") == batchv1.IndexedCompletion
	if s.BackoffLimitPerIndex != nil && !indexed {
		errs = append(errs, field.Invalid(p.Child("backoffLimitPerIndex"), *s.BackoffLimitPerIndex, "requires indexed completion mode"))
	}
	if s.MaxFailedIndexes != nil && s.BackoffLimitPerIndex == nil {
		errs = append(errs, field.Required(p.Child("backoffLimitPerIndex"), "when maxFailedIndexes is specified"))
	}
	if !indexed {
		return errs
	}
	if s.Completions == nil {
		errs = append(errs, field.Required(p.Child("completions"), fmt.Sprintf("when completion mode is %s", batchv1.IndexedCompletion)))
	}
	if n := ptr.Deref(s.Parallelism, 0); n > maxIndexedParallelism {
		errs = append(errs, field.Invalid(p.Child("parallelism"), n, fmt.Sprintf("must be less than or equal to %d when completion mode is %s", maxIndexedParallelism, batchv1.IndexedCompletion)))
	}
	completions := ptr.Deref(s.Completions, 0)
	if s.Completions != nil && s.MaxFailedIndexes != nil && *s.MaxFailedIndexes > completions {
		errs = append(errs, field.Invalid(p.Child("maxFailedIndexes"), *s.MaxFailedIndexes, "must be less than or equal to completions"))
	}
	if n := ptr.Deref(s.MaxFailedIndexes, 0); n > maxFailedIndexes {
		errs = append(errs, field.Invalid(p.Child("maxFailedIndexes"), n, fmt.Sprintf("must be less than or equal to %d", maxFailedIndexes)))
	}
	return append(errs, manyIndexes(s, p)...)
}

// manyIndexes keeps what is remembered of the failed indexes of a large job small (KEP-3850).
func manyIndexes(s *batchv1.JobSpec, p *field.Path) field.ErrorList {
	if ptr.Deref(s.Completions, 0) <= manyCompletions || s.BackoffLimitPerIndex == nil {
		return nil
	}
	var errs field.ErrorList
	if s.MaxFailedIndexes == nil {
		errs = append(errs, field.Required(p.Child("maxFailedIndexes"), fmt.Sprintf("must be specified when completions is above %d", manyCompletions)))
	}
	if n := ptr.Deref(s.Parallelism, 0); n > maxFailedOfMany {
		errs = append(errs, field.Invalid(p.Child("parallelism"), n, fmt.Sprintf("must be less than or equal to %d when completions are above %d and used with backoff limit per index", maxFailedOfMany, manyCompletions)))
	}
	if n := ptr.Deref(s.MaxFailedIndexes, 0); n > maxFailedOfMany {
		errs = append(errs, field.Invalid(p.Child("maxFailedIndexes"), n, fmt.Sprintf("must be less than or equal to %d when completions are above %d and used with backoff limit per index", maxFailedOfMany, manyCompletions)))
	}
	return errs
}

func replacementPolicy(s *batchv1.JobSpec, p *field.Path) field.ErrorList {
	if s.PodReplacementPolicy == nil {
		return nil
	}
	if s.PodFailurePolicy != nil {
		return meta.In(*s.PodReplacementPolicy, p, batchv1.Failed)
	}
	return meta.In(*s.PodReplacementPolicy, p, batchv1.Failed, batchv1.TerminatingOrFailed)
}

// ValidateJobUpdate reports faults of a job that is to replace old, and changes of what its pods were made by.
func ValidateJobUpdate(newJ, old *batchv1.Job) field.ErrorList {
	errs := meta.Update(&newJ.ObjectMeta, &old.ObjectMeta)
	p, n, o := field.NewPath("spec"), &newJ.Spec, &old.Spec
	errs = append(errs, jobSpec(n, o, p)...)
	errs = append(errs, completionsUpdate(n, o, p)...)
	errs = append(errs, meta.Immutable(n.Selector, o.Selector, p.Child("selector"))...)
	errs = append(errs, templateUpdate(newJ, old, p.Child("template"))...)
	errs = append(errs, meta.Immutable(n.CompletionMode, o.CompletionMode, p.Child("completionMode"))...)
	errs = append(errs, meta.Immutable(n.PodFailurePolicy, o.PodFailurePolicy, p.Child("podFailurePolicy"))...)
	errs = append(errs, meta.Immutable(n.BackoffLimitPerIndex, o.BackoffLimitPerIndex, p.Child("backoffLimitPerIndex"))...)
	errs = append(errs, meta.Immutable(n.ManagedBy, o.ManagedBy, p.Child("managedBy"))...)
	return append(errs, meta.Immutable(n.SuccessPolicy, o.SuccessPolicy, p.Child("successPolicy"))...)
}

// completionsUpdate lets an indexed job grow and shrink in step with its parallelism (KEP-3715).
func completionsUpdate(n, o *batchv1.JobSpec, p *field.Path) field.ErrorList {
	if ptr.Deref(n.CompletionMode, "") != batchv1.IndexedCompletion {
		return meta.Immutable(n.Completions, o.Completions, p.Child("completions"))
	}
	if ptr.Equal(n.Completions, o.Completions) {
		return nil
	}
	if ptr.Deref(n.Parallelism, 0) != ptr.Deref(n.Completions, -1) {
		return field.ErrorList{field.Invalid(p.Child("completions"), n.Completions, fmt.Sprintf("can only be modified in tandem with %s", p.Child("parallelism").String()))}
	}
	return nil
}

// templateUpdate lets where the pods of a suspended job run, and with what, still change while there are none (KEP-2926,
// KEP-5440).
func templateUpdate(newJ, old *batchv1.Job, p *field.Path) field.ErrorList {
	n, o := &newJ.Spec.Template, &old.Spec.Template
	if suspendedWithoutPods(old) {
		kept := o.DeepCopy()
		s := &kept.Spec
		s.Affinity = withNodeAffinity(s.Affinity, n.Spec.Affinity)
		s.NodeSelector = n.Spec.NodeSelector
		s.Tolerations = n.Spec.Tolerations
		s.SchedulingGates = n.Spec.SchedulingGates
		s.Resources = n.Spec.Resources
		kept.Annotations, kept.Labels = n.Annotations, n.Labels
		copyResources(s.Containers, n.Spec.Containers)
		copyResources(s.InitContainers, n.Spec.InitContainers)
		o = kept
	}
	if apiequality.Semantic.DeepEqual(n, o) {
		return nil
	}
	return field.ErrorList{field.Invalid(p, n, "field is immutable")}
}

// suspendedWithoutPods says whether a job has no pods and makes none: it never started, or its controller has told that
// it is suspended and that the last of its pods has gone.
func suspendedWithoutPods(j *batchv1.Job) bool {
	s := &j.Status
	return ptr.Deref(j.Spec.Suspend, false) && s.Active == 0 && (s.StartTime == nil || hasCondition(s, batchv1.JobSuspended))
}

// withNodeAffinity is the stored affinity with the node affinity of another, the one part of it that may change.
func withNodeAffinity(stored, other *v1.Affinity) *v1.Affinity {
	out := ptr.To(ptr.Deref(stored, v1.Affinity{}))
	out.NodeAffinity = ptr.Deref(other, v1.Affinity{}).NodeAffinity
	if *out == (v1.Affinity{}) && other == nil {
		return nil
	}
	return out
}

func copyResources(to, from []v1.Container) {
	for i := range to {
		if i < len(from) && from[i].Name == to[i].Name {
			to[i].Resources = from[i].Resources
		}
	}
}

// JobWarnings tells of doubtful parts of the pod template and of indexed jobs too large to be kept track of.
func JobWarnings(newJ, old *batchv1.Job) []string {
	if old != nil && newJ.Generation == old.Generation {
		return nil
	}
	var oldTemplate *v1.PodTemplateSpec
	if old != nil {
		oldTemplate = &old.Spec.Template
	}
	p := field.NewPath("spec")
	out := specWarnings(&newJ.Spec, p)
	return append(out, core.PodTemplateSpecWarnings(&newJ.Spec.Template, oldTemplate, p.Child("template"))...)
}

func specWarnings(s *batchv1.JobSpec, p *field.Path) []string {
	if ptr.Deref(s.Completions, 0) > manyCompletions && ptr.Deref(s.Parallelism, 0) > maxFailedOfMany {
		return []string{fmt.Sprintf("%s: In Indexed Jobs with a number of completions higher than 10^5 and a parallelism higher than 10^4, Kubernetes might not be able to track completedIndexes when a big number of indexes fail", p)}
	}
	return nil
}
