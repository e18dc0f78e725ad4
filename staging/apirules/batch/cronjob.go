package batch

import (
	"fmt"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
	batchv1 "k8s.io/api/batch/v1"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"github.com/proa-sh/proa/staging/apirules/core"
	"github.com/proa-sh/proa/staging/apirules/meta"
)

// maxCronJobName leaves room for what the names of jobs and their pods add.
const maxCronJobName = 52

// Defaults of how many finished jobs are kept.
const (
	defaultSuccessfulHistory = 3
	defaultFailedHistory     = 1
)

// NormalizeCronJob normalises the pod template.
func NormalizeCronJob(c *batchv1.CronJob) {
	core.NormalizePodTemplateSpec(&c.Spec.JobTemplate.Spec.Template)
}

// SetCronJobDefaults fills concurrency, history and the pod template. The job template stays as it is; its jobs get
// their defaults when they are made.
func SetCronJobDefaults(c *batchv1.CronJob) {
	s := &c.Spec
	if s.ConcurrencyPolicy == "" {
		s.ConcurrencyPolicy = batchv1.AllowConcurrent
	}
	if s.Suspend == nil {
		s.Suspend = ptr.To(false)
	}
	if s.SuccessfulJobsHistoryLimit == nil {
		s.SuccessfulJobsHistoryLimit = ptr.To[int32](defaultSuccessfulHistory)
	}
	if s.FailedJobsHistoryLimit == nil {
		s.FailedJobsHistoryLimit = ptr.To[int32](defaultFailedHistory)
	}
	setJobSpecDefaults(&s.JobTemplate.Spec)
}

// ValidateCronJob reports faults of a new cron job.
func ValidateCronJob(c *batchv1.CronJob) field.ErrorList {
	errs := meta.Namespaced(&c.ObjectMeta, meta.SubdomainName)
	errs = append(errs, cronJobSpec(&c.Spec, nil, field.NewPath("spec"))...)
	if len(c.Name) > maxCronJobName {
		errs = append(errs, field.Invalid(field.NewPath("metadata", "name"), c.Name, "must be no more than 52 characters"))
	}
	return errs
}

// ValidateCronJobUpdate reports faults of a cron job that is to replace old. A schedule and a time zone that stay as they
// were are taken as they are.
func ValidateCronJobUpdate(newC, old *batchv1.CronJob) field.ErrorList {
	errs := meta.Update(&newC.ObjectMeta, &old.ObjectMeta)
	return append(errs, cronJobSpec(&newC.Spec, &old.Spec, field.NewPath("spec"))...)
}

// ValidateCronJobStatusUpdate rules what the cron job controller reports.
func ValidateCronJobStatusUpdate(newC, old *batchv1.CronJob) field.ErrorList {
	return meta.Update(&newC.ObjectMeta, &old.ObjectMeta)
}

func cronJobSpec(s, old *batchv1.CronJobSpec, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	if s.Schedule == "" {
		errs = append(errs, field.Required(p.Child("schedule"), ""))
	} else {
		errs = append(errs, schedule(s, old, p.Child("schedule"))...)
	}
	if s.StartingDeadlineSeconds != nil {
		errs = append(errs, meta.NonNegative(*s.StartingDeadlineSeconds, p.Child("startingDeadlineSeconds"))...)
	}
	if old == nil || !ptr.Equal(old.TimeZone, s.TimeZone) {
		errs = append(errs, timeZone(s.TimeZone, p.Child("timeZone"))...)
	}
	errs = append(errs, meta.OneOf(s.ConcurrencyPolicy, p.Child("concurrencyPolicy"),
		batchv1.AllowConcurrent, batchv1.ForbidConcurrent, batchv1.ReplaceConcurrent)...)
	var oldJob *batchv1.JobSpec
	if old != nil {
		oldJob = &old.JobTemplate.Spec
	}
	errs = append(errs, jobTemplate(&s.JobTemplate, oldJob, p.Child("jobTemplate"))...)
	if s.SuccessfulJobsHistoryLimit != nil {
		errs = append(errs, meta.NonNegative(*s.SuccessfulJobsHistoryLimit, p.Child("successfulJobsHistoryLimit"))...)
	}
	if s.FailedJobsHistoryLimit != nil {
		errs = append(errs, meta.NonNegative(*s.FailedJobsHistoryLimit, p.Child("failedJobsHistoryLimit"))...)
	}
	return errs
}

// schedule wants the standard five fields or a descriptor. A time zone has a field of its own, though schedules that
// were stored with one stay.
func schedule(s, old *batchv1.CronJobSpec, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	if _, err := parseSchedule(s.Schedule); err != nil {
		errs = append(errs, field.Invalid(p, s.Schedule, err.Error()))
	}
	zoned := strings.Contains(s.Schedule, "TZ")
	switch {
	case zoned && s.TimeZone != nil:
		errs = append(errs, field.Invalid(p, s.Schedule, "cannot use both timeZone field and TZ or CRON_TZ in schedule"))
	case zoned && (old == nil || !strings.Contains(old.Schedule, "TZ")):
		errs = append(errs, field.Invalid(p, s.Schedule, "cannot use TZ or CRON_TZ in schedule, use timeZone field instead"))
	}
	return errs
}

// parseSchedule turns a panic of the parser, which some malformed time zones cause, into an error.
func parseSchedule(text string) (s cron.Schedule, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("invalid schedule: %v", r)
		}
	}()
	return cron.ParseStandard(text)
}

func timeZone(zone *string, p *field.Path) field.ErrorList {
	if zone == nil {
		return nil
	}
	if *zone == "" {
		return field.ErrorList{field.Invalid(p, zone, "timeZone must be nil or non-empty string")}
	}
	var errs field.ErrorList
	if strings.EqualFold(*zone, "local") {
		errs = append(errs, field.Invalid(p, zone, "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones"))
	}
	if _, err := time.LoadLocation(*zone); err != nil {
		errs = append(errs, field.Invalid(p, zone, err.Error()))
	}
	return errs
}

// jobTemplate rules what jobs are made from. Their selectors are generated later, so that none may be given.
func jobTemplate(t *batchv1.JobTemplateSpec, old *batchv1.JobSpec, p *field.Path) field.ErrorList {
	errs := meta.Labels(t.Labels, p.Child("metadata", "labels"))
	errs = append(errs, meta.Annotations(t.Annotations, p.Child("metadata", "annotations"))...)
	sp := p.Child("spec")
	errs = append(errs, jobNumbers(&t.Spec, sp)...)
	errs = append(errs, jobParts(&t.Spec, old, sp)...)
	if t.Spec.Selector != nil {
		errs = append(errs, field.Invalid(sp.Child("selector"), t.Spec.Selector, "`selector` will be auto-generated"))
	}
	if ptr.Deref(t.Spec.ManualSelector, false) {
		errs = append(errs, field.NotSupported(sp.Child("manualSelector"), t.Spec.ManualSelector, []string{"nil", "false"}))
	}
	return errs
}

// CronJobWarnings tells of doubtful parts of the pod template, of names that make none for pods, and of time zones within
// the schedule.
func CronJobWarnings(newC, old *batchv1.CronJob) []string {
	var out []string
	if old == nil {
		if faults := validation.IsDNS1123Label(newC.Name); len(faults) > 0 && newC.Name != "" {
			out = append(out, fmt.Sprintf("metadata.name: this is used in Pod names and hostnames, which can result in surprising behavior; a DNS label is recommended: %v", faults))
		}
	}
	p := field.NewPath("spec")
	if strings.Contains(newC.Spec.Schedule, "TZ") {
		out = append(out, fmt.Sprintf("CRON_TZ or TZ used in %s is not officially supported, see https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for more details", p.Child("schedule")))
	}
	if old != nil && newC.Generation == old.Generation {
		return out
	}
	var oldTemplate *v1.PodTemplateSpec
	if old != nil {
		oldTemplate = &old.Spec.JobTemplate.Spec.Template
	}
	out = append(out, specWarnings(&newC.Spec.JobTemplate.Spec, p.Child("jobTemplate", "spec"))...)
	return append(out, core.PodTemplateSpecWarnings(&newC.Spec.JobTemplate.Spec.Template, oldTemplate, p.Child("jobTemplate", "spec", "template"))...)
}
