package batch

import (
	"strconv"

	batchv1 "k8s.io/api/batch/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/registry/rest"

	"github.com/proa-sh/proa/pkg/api/columns"
	"github.com/proa-sh/proa/staging/apidef"
	rules "github.com/proa-sh/proa/staging/apirules/batch"
)

func job() apidef.Definition {
	type object = *batchv1.Job
	return (&apidef.Resource[batchv1.Job, object]{
		Names: apidef.Names{
			Kind:       batchv1.SchemeGroupVersion.WithKind("Job"),
			Plural:     "jobs",
			Singular:   "job",
			Categories: []string{"all"},
		},
		NewList:        func() runtime.Object { return &batchv1.JobList{} },
		Normalize:      rules.NormalizeJob,
		Default:        rules.SetJobDefaults,
		Validate:       rules.ValidateJob,
		ValidateUpdate: rules.ValidateJobUpdate,
		ValidateStatus: rules.ValidateJobStatusUpdate,
		Warnings:       rules.JobWarnings,
		PrepareCreate:  prepareJob,
		Dependents:     rest.OrphanDependents,
		Spec:           apidef.Field(func(j object) *batchv1.JobSpec { return &j.Spec }),
		Status:         apidef.Field(func(j object) *batchv1.JobStatus { return &j.Status }),
		Fields: map[string]func(object) string{
			"status.successful": func(j object) string { return strconv.Itoa(int(j.Status.Succeeded)) },
		},
		Columns: jobColumns(),
	}).Define()
}

// prepareJob makes the selector of a job from its UID and labels its pods so that the selector, and users, find them.
// Jobs with a manual selector are left alone.
func prepareJob(j *batchv1.Job) {
	if j.Spec.ManualSelector != nil && *j.Spec.ManualSelector {
		return
	}
	if j.Spec.Template.Labels == nil {
		j.Spec.Template.Labels = map[string]string{}
	}
	// The names without a prefix are those of old; controllers outside still select by them.
	for label, value := range map[string]string{
		"controller-uid":           string(j.UID),
		"job-name":                 j.Name,
		batchv1.ControllerUidLabel: string(j.UID),
		batchv1.JobNameLabel:       j.Name,
	} {
		// A label that the user gave stays, for validation to compare.
		if _, ok := j.Spec.Template.Labels[label]; !ok {
			j.Spec.Template.Labels[label] = value
		}
	}
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

func jobColumns() []apidef.Column[*batchv1.Job] {
	type object = *batchv1.Job
	spec := func(j object) columns.PodSpec { return &j.Spec.Template.Spec }
	return []apidef.Column[object]{
		apidef.Name[object](),
		{Name: "Status", Description: "Status of the job.", Value: func(j object) any { return jobStatus(j) }},
		{Name: "Completions", Description: batchv1.JobStatus{}.SwaggerDoc()["succeeded"], Value: func(j object) any { return completions(j) }},
		{Name: "Duration", Description: "Time required to complete the job.", Value: func(j object) any { return jobDuration(&j.Status) }},
		apidef.Age[object](),
		columns.Containers(spec),
		columns.Images(spec),
		{Name: "Selector", Wide: true, Description: batchv1.JobSpec{}.SwaggerDoc()["selector"],
			Value: func(j object) any { return metav1.FormatLabelSelector(j.Spec.Selector) }},
	}
}
