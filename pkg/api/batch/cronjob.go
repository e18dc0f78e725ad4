package batch

import (
	batchv1 "k8s.io/api/batch/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/proa-sh/proa/pkg/api/columns"
	"github.com/proa-sh/proa/staging/apidef"
	rules "github.com/proa-sh/proa/staging/apirules/batch"
)

func cronJob() apidef.Definition {
	type object = *batchv1.CronJob
	return (&apidef.Resource[batchv1.CronJob, object]{
		Names: apidef.Names{
			Kind:       batchv1.SchemeGroupVersion.WithKind("CronJob"),
			Plural:     "cronjobs",
			Singular:   "cronjob",
			ShortNames: []string{"cj"},
			Categories: []string{"all"},
		},
		NewList:        func() runtime.Object { return &batchv1.CronJobList{} },
		Normalize:      rules.NormalizeCronJob,
		Default:        rules.SetCronJobDefaults,
		Validate:       rules.ValidateCronJob,
		ValidateUpdate: rules.ValidateCronJobUpdate,
		ValidateStatus: rules.ValidateCronJobStatusUpdate,
		Warnings:       rules.CronJobWarnings,
		Spec:           apidef.Field(func(j object) *batchv1.CronJobSpec { return &j.Spec }),
		Status:         apidef.Field(func(j object) *batchv1.CronJobStatus { return &j.Status }),
		Columns:        cronJobColumns(),
	}).Define()
}

func cronJobColumns() []apidef.Column[*batchv1.CronJob] {
	type object = *batchv1.CronJob
	doc, status := batchv1.CronJobSpec{}.SwaggerDoc(), batchv1.CronJobStatus{}.SwaggerDoc()
	spec := func(j object) columns.PodSpec { return &j.Spec.JobTemplate.Spec.Template.Spec }
	return []apidef.Column[object]{
		apidef.Name[object](),
		{Name: "Schedule", Description: doc["schedule"], Value: func(j object) any { return j.Spec.Schedule }},
		{Name: "Timezone", Description: doc["timeZone"], Value: func(j object) any { return columns.Deref(j.Spec.TimeZone, columns.None) }},
		{Name: "Suspend", Type: "boolean", Description: doc["suspend"], Value: func(j object) any { return columns.Bool(j.Spec.Suspend) }},
		{Name: "Active", Type: "integer", Description: status["active"], Value: func(j object) any { return int64(len(j.Status.Active)) }},
		{Name: "Last Schedule", Description: status["lastScheduleTime"], Value: func(j object) any {
			if j.Status.LastScheduleTime == nil {
				return columns.None
			}
			return apidef.Since(*j.Status.LastScheduleTime)
		}},
		apidef.Age[object](),
		columns.Containers(spec),
		columns.Images(spec),
		{Name: "Selector", Wide: true, Description: batchv1.JobSpec{}.SwaggerDoc()["selector"],
			Value: func(j object) any { return metav1.FormatLabelSelector(j.Spec.JobTemplate.Spec.Selector) }},
	}
}
