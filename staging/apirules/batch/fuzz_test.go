package batch

import (
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/proa-sh/proa/staging/apirules/internal/rulestest"
)

func TestFuzz(t *testing.T) {
	rulestest.Fuzz(t, rulestest.Rules[batchv1.Job]{Normalize: NormalizeJob, Default: SetJobDefaults, Validate: ValidateJob,
		Warnings: JobWarnings, Prepare: []func(_, _ *batchv1.Job){func(j, _ *batchv1.Job) { GenerateJobSelector(j) }},
		Update: []func(_, _ *batchv1.Job) field.ErrorList{ValidateJobUpdate, ValidateJobStatusUpdate}})
	rulestest.Fuzz(t, rulestest.Rules[batchv1.CronJob]{Normalize: NormalizeCronJob, Default: SetCronJobDefaults,
		Validate: ValidateCronJob, Warnings: CronJobWarnings,
		Update: []func(_, _ *batchv1.CronJob) field.ErrorList{ValidateCronJobUpdate, ValidateCronJobStatusUpdate}})
}
