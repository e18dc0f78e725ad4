package batch

import (
	"maps"
	"math"

	batchv1 "k8s.io/api/batch/v1"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/proa-sh/proa/staging/apirules/core"
)

// defaultBackoffLimit is how many failed pods a job gets over.
const defaultBackoffLimit = 6

// Labels that older releases put on a job's pods; they are kept beside the prefixed ones.
const (
	legacyControllerUID = "controller-uid"
	legacyJobName       = "job-name"
)

// NormalizeJob normalises the pod template.
func NormalizeJob(j *batchv1.Job) { core.NormalizePodTemplateSpec(&j.Spec.Template) }

// SetJobDefaults fills counts, limits and policies of a job, and labels it like its pods where it has none of its own.
func SetJobDefaults(j *batchv1.Job) {
	setJobSpecDefaults(&j.Spec)
	s := &j.Spec
	if s.Completions == nil && s.Parallelism == nil {
		s.Completions, s.Parallelism = ptr.To[int32](1), ptr.To[int32](1)
	}
	if s.Parallelism == nil {
		s.Parallelism = ptr.To[int32](1)
	}
	if s.BackoffLimit == nil {
		limit := int32(defaultBackoffLimit)
		if s.BackoffLimitPerIndex != nil {
			limit = math.MaxInt32
		}
		s.BackoffLimit = &limit
	}
	if len(j.Labels) == 0 && len(s.Template.Labels) > 0 {
		j.Labels = maps.Clone(s.Template.Labels)
	}
	if s.CompletionMode == nil {
		s.CompletionMode = ptr.To(batchv1.NonIndexedCompletion)
	}
	if s.Suspend == nil {
		s.Suspend = ptr.To(false)
	}
	if s.PodReplacementPolicy == nil {
		s.PodReplacementPolicy = ptr.To(batchv1.TerminatingOrFailed)
		if s.PodFailurePolicy != nil {
			s.PodReplacementPolicy = ptr.To(batchv1.Failed)
		}
	}
	if s.ManualSelector == nil {
		s.ManualSelector = ptr.To(false)
	}
}

// setJobSpecDefaults fills what a cron job's template gets, too.
func setJobSpecDefaults(s *batchv1.JobSpec) {
	core.SetPodTemplateSpecDefaults(&s.Template)
	if s.PodFailurePolicy == nil {
		return
	}
	for i := range s.PodFailurePolicy.Rules {
		for j := range s.PodFailurePolicy.Rules[i].OnPodConditions {
			if c := &s.PodFailurePolicy.Rules[i].OnPodConditions[j]; c.Status == "" {
				c.Status = v1.ConditionTrue
			}
		}
	}
}

// GenerateJobSelector labels the pods of a job by its UID and name, under the present and the older keys, and makes its
// selector match the UID. It leaves jobs with manualSelector alone. It is for new jobs, after their UID is given and
// before they are validated.
func GenerateJobSelector(j *batchv1.Job) {
	if ptr.Deref(j.Spec.ManualSelector, false) {
		return
	}
	if j.Spec.Template.Labels == nil {
		j.Spec.Template.Labels = map[string]string{}
	}
	l := j.Spec.Template.Labels
	l[legacyJobName], l[batchv1.JobNameLabel] = j.Name, j.Name
	l[legacyControllerUID], l[batchv1.ControllerUidLabel] = string(j.UID), string(j.UID)
	if j.Spec.Selector == nil {
		j.Spec.Selector = &metav1.LabelSelector{}
	}
	if j.Spec.Selector.MatchLabels == nil {
		j.Spec.Selector.MatchLabels = map[string]string{}
	}
	if _, ok := j.Spec.Selector.MatchLabels[batchv1.ControllerUidLabel]; !ok {
		j.Spec.Selector.MatchLabels[batchv1.ControllerUidLabel] = string(j.UID)
	}
}
