package batch

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	batchv1 "k8s.io/api/batch/v1"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/proa-sh/proa/staging/apirules/internal/rulestest"
)

var (
	invalid      = rulestest.Invalid
	required     = rulestest.Required
	notSupported = rulestest.NotSupported
)

func jobSpecOf(policy v1.RestartPolicy) batchv1.JobSpec {
	return batchv1.JobSpec{Template: v1.PodTemplateSpec{Spec: v1.PodSpec{RestartPolicy: policy, Containers: []v1.Container{{Name: "c", Image: "i"}}}}}
}

func validJob() *batchv1.Job {
	j := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Name: "j", Namespace: "ns", UID: "u", ResourceVersion: "1"}, Spec: jobSpecOf(v1.RestartPolicyNever)}
	SetJobDefaults(j)
	GenerateJobSelector(j)
	return j
}

func indexedJobOf(completions int32) *batchv1.Job {
	j := validJob()
	j.Spec.CompletionMode, j.Spec.Completions, j.Spec.Parallelism = ptr.To(batchv1.IndexedCompletion), &completions, ptr.To(completions)
	return j
}

func TestJobDefaults(t *testing.T) {
	got := validJob()
	ids := map[string]string{"controller-uid": "u", "batch.kubernetes.io/controller-uid": "u", "job-name": "j", "batch.kubernetes.io/job-name": "j"}
	if diff := cmp.Diff(ids, got.Spec.Template.Labels); diff != "" {
		t.Errorf("labels differ (-want +got):\n%s", diff)
	}
	spec := got.Spec
	spec.Template = v1.PodTemplateSpec{}
	want := batchv1.JobSpec{Completions: ptr.To[int32](1), Parallelism: ptr.To[int32](1), BackoffLimit: ptr.To[int32](6), CompletionMode: ptr.To(batchv1.NonIndexedCompletion),
		Suspend: ptr.To(false), ManualSelector: ptr.To(false), PodReplacementPolicy: ptr.To(batchv1.TerminatingOrFailed),
		Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"batch.kubernetes.io/controller-uid": "u"}}}
	if diff := cmp.Diff(want, spec); diff != "" {
		t.Errorf("defaults differ (-want +got):\n%s", diff)
	}
	perIndex := &batchv1.Job{Spec: batchv1.JobSpec{Completions: ptr.To[int32](2), BackoffLimitPerIndex: ptr.To[int32](1), PodFailurePolicy: &batchv1.PodFailurePolicy{
		Rules: []batchv1.PodFailurePolicyRule{{OnPodConditions: []batchv1.PodFailurePolicyOnPodConditionsPattern{{Type: "x"}}}}}}}
	SetJobDefaults(perIndex)
	if *perIndex.Spec.BackoffLimit != math.MaxInt32 || *perIndex.Spec.Parallelism != 1 || *perIndex.Spec.PodReplacementPolicy != batchv1.Failed ||
		perIndex.Spec.PodFailurePolicy.Rules[0].OnPodConditions[0].Status != v1.ConditionTrue {
		t.Errorf("defaults of a job with policies give %+v", perIndex.Spec)
	}
	labelled := &batchv1.Job{Spec: batchv1.JobSpec{Template: v1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"a": "b"}}}}}
	SetJobDefaults(labelled)
	labelled.Spec.Template.Labels["c"] = "d"
	if diff := cmp.Diff(map[string]string{"a": "b"}, labelled.Labels); diff != "" {
		t.Errorf("job labels differ (-want +got):\n%s", diff)
	}
}

func TestValidateJob(t *testing.T) {
	const tpl = "spec.template."
	rulestest.Cases(t, validJob, ValidateJob, []rulestest.Case[batchv1.Job]{
		{Name: "no restart policy", Change: func(j *batchv1.Job) { j.Spec.Template.Spec.RestartPolicy = v1.RestartPolicyAlways }, Want: []string{required(tpl + "spec.restartPolicy")}},
		{Name: "negative", Change: func(j *batchv1.Job) {
			j.Spec.Parallelism, j.Spec.BackoffLimit, j.Spec.TTLSecondsAfterFinished = ptr.To[int32](-1), ptr.To[int32](-1), ptr.To[int32](-1)
		},
			Want: []string{invalid("spec.parallelism"), invalid("spec.backoffLimit"), invalid("spec.ttlSecondsAfterFinished")}},
		{Name: "no selector", Change: func(j *batchv1.Job) { j.Spec.Selector = nil }, Want: []string{required("spec.selector")}},
		{Name: "foreign selector", Change: func(j *batchv1.Job) { j.Spec.Selector.MatchLabels = map[string]string{"a": "b"} }, Want: []string{invalid("spec.selector"), invalid(tpl + "metadata.labels")}},
		{Name: "foreign labels", Change: func(j *batchv1.Job) { delete(j.Spec.Template.Labels, "job-name") }, Want: []string{required(tpl + "metadata.labels[job-name]")}},
		{Name: "own selector", Change: func(j *batchv1.Job) {
			j.Spec.ManualSelector, j.Spec.Selector = ptr.To(true), &metav1.LabelSelector{MatchLabels: map[string]string{"a": "b"}}
			j.Spec.Template.Labels = map[string]string{"a": "b"}
		}},
		{Name: "mode", Change: func(j *batchv1.Job) { j.Spec.CompletionMode = ptr.To(batchv1.CompletionMode("x")) }, Want: []string{notSupported("spec.completionMode")}},
		{Name: "indexed without completions", Change: func(j *batchv1.Job) {
			j.Spec.CompletionMode, j.Spec.Completions = ptr.To(batchv1.IndexedCompletion), nil
		}, Want: []string{required("spec.completions")}},
		{Name: "indexed and wide", Change: func(j *batchv1.Job) {
			j.Spec.CompletionMode, j.Spec.Parallelism = ptr.To(batchv1.IndexedCompletion), ptr.To[int32](100001)
		}, Want: []string{invalid("spec.parallelism")}},
		{Name: "indexed with long name", Change: func(j *batchv1.Job) {
			*j = *indexedJobOf(10)
			j.Name = strings.Repeat("a", 62)
			j.Spec.Template.Labels = nil
			GenerateJobSelector(j)
		}, Want: []string{invalid("metadata.name")}},
		{Name: "per index without index", Change: func(j *batchv1.Job) { j.Spec.BackoffLimitPerIndex = ptr.To[int32](1) }, Want: []string{invalid("spec.backoffLimitPerIndex")}},
		{Name: "failed indexes alone", Change: func(j *batchv1.Job) { j.Spec.MaxFailedIndexes = ptr.To[int32](1) }, Want: []string{required("spec.backoffLimitPerIndex")}},
		{Name: "too many failed indexes", Change: func(j *batchv1.Job) {
			*j = *indexedJobOf(100_000)
			j.Spec.Completions, j.Spec.Parallelism = ptr.To[int32](200_000), ptr.To[int32](1)
			j.Spec.BackoffLimitPerIndex, j.Spec.MaxFailedIndexes = ptr.To[int32](1), ptr.To[int32](100_001)
		}, Want: []string{invalid("spec.maxFailedIndexes")}},
		{Name: "managed by", Change: func(j *batchv1.Job) { j.Spec.ManagedBy = ptr.To("x") }, Want: []string{invalid("spec.managedBy")}},
		{Name: "replacement", Change: func(j *batchv1.Job) { j.Spec.PodReplacementPolicy = ptr.To(batchv1.PodReplacementPolicy("x")) }, Want: []string{notSupported("spec.podReplacementPolicy")}},
	})
	always := validJob()
	always.Spec.Template.Spec.RestartPolicy = v1.RestartPolicyAlways
	rulestest.Message(t, ValidateJob(always), `spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"`)
}

func TestValidateJobPolicies(t *testing.T) {
	failure := func(rules ...batchv1.PodFailurePolicyRule) func(*batchv1.Job) {
		return func(j *batchv1.Job) {
			j.Spec.PodFailurePolicy, j.Spec.PodReplacementPolicy = &batchv1.PodFailurePolicy{Rules: rules}, ptr.To(batchv1.Failed)
		}
	}
	codes := func(op batchv1.PodFailurePolicyOnExitCodesOperator, values ...int32) batchv1.PodFailurePolicyRule {
		return batchv1.PodFailurePolicyRule{Action: batchv1.PodFailurePolicyActionFailJob, OnExitCodes: &batchv1.PodFailurePolicyOnExitCodesRequirement{Operator: op, Values: values}}
	}
	const r = "spec.podFailurePolicy.rules[0]"
	rulestest.Cases(t, validJob, ValidateJob, []rulestest.Case[batchv1.Job]{
		{Name: "good", Change: failure(codes(batchv1.PodFailurePolicyOnExitCodesOpIn, 1, 2))},
		{Name: "neither", Change: failure(batchv1.PodFailurePolicyRule{Action: "x"}), Want: []string{notSupported(r + ".action"), invalid(r)}},
		{Name: "index", Change: failure(batchv1.PodFailurePolicyRule{Action: batchv1.PodFailurePolicyActionFailIndex, OnExitCodes: codes("In", 1).OnExitCodes}), Want: []string{invalid(r + ".action")}},
		{Name: "codes", Change: failure(codes(batchv1.PodFailurePolicyOnExitCodesOpIn, 2, 0, 2)), Want: []string{invalid(r + ".onExitCodes.values"), invalid(r + ".onExitCodes.values[1]"), rulestest.Duplicate(r + ".onExitCodes.values[2]")}},
		{Name: "no codes", Change: failure(codes("x")), Want: []string{notSupported(r + ".onExitCodes.operator"), invalid(r + ".onExitCodes.values")}},
		{Name: "on failure", Change: func(j *batchv1.Job) {
			failure(codes("In", 1))(j)
			j.Spec.Template.Spec.RestartPolicy = v1.RestartPolicyOnFailure
		}, Want: []string{invalid("spec.template.spec.restartPolicy")}},
		{Name: "replacement", Change: func(j *batchv1.Job) {
			failure(codes("In", 1))(j)
			j.Spec.PodReplacementPolicy = ptr.To(batchv1.TerminatingOrFailed)
		}, Want: []string{notSupported("spec.podReplacementPolicy")}},
		{Name: "conditions", Change: failure(batchv1.PodFailurePolicyRule{Action: batchv1.PodFailurePolicyActionIgnore, OnPodConditions: []batchv1.PodFailurePolicyOnPodConditionsPattern{{Type: "/", Status: "x"}}}),
			Want: []string{invalid(r + ".onPodConditions[0].type"), notSupported(r + ".onPodConditions[0].status")}},
		{Name: "success without index", Change: func(j *batchv1.Job) { j.Spec.SuccessPolicy = &batchv1.SuccessPolicy{} }, Want: []string{invalid("spec.successPolicy")}},
	})
	success := func(rules ...batchv1.SuccessPolicyRule) func(*batchv1.Job) {
		return func(j *batchv1.Job) { j.Spec.SuccessPolicy = &batchv1.SuccessPolicy{Rules: rules} }
	}
	const s = "spec.successPolicy.rules"
	rulestest.Cases(t, func() *batchv1.Job { return indexedJobOf(10) }, ValidateJob, []rulestest.Case[batchv1.Job]{
		{Name: "good", Change: success(batchv1.SuccessPolicyRule{SucceededIndexes: ptr.To("0,2-4"), SucceededCount: ptr.To[int32](4)})},
		{Name: "no rules", Change: success(), Want: []string{required(s)}},
		{Name: "empty rule", Change: success(batchv1.SuccessPolicyRule{}), Want: []string{required(s + "[0]")}},
		{Name: "too many", Change: success(batchv1.SuccessPolicyRule{SucceededIndexes: ptr.To("0,2-4"), SucceededCount: ptr.To[int32](5)}), Want: []string{invalid(s + "[0].succeededCount")}},
		{Name: "order", Change: success(batchv1.SuccessPolicyRule{SucceededIndexes: ptr.To("4,2")}), Want: []string{invalid(s + "[0].succeededIndexes")}},
		{Name: "no such index", Change: success(batchv1.SuccessPolicyRule{SucceededIndexes: ptr.To("9-10")}), Want: []string{invalid(s + "[0].succeededIndexes")}},
	})
}

func TestValidateJobUpdate(t *testing.T) {
	type c = rulestest.Case[batchv1.Job]
	image := func(j *batchv1.Job) { j.Spec.Template.Spec.Containers[0].Image = "x" }
	node := func(j *batchv1.Job) { j.Spec.Template.Spec.NodeSelector = map[string]string{"a": "b"} }
	rulestest.UpdateCases(t, validJob, ValidateJobUpdate, []c{
		{Name: "parallelism", Change: func(j *batchv1.Job) { j.Spec.Parallelism = ptr.To[int32](2) }},
		{Name: "completions", Change: func(j *batchv1.Job) { j.Spec.Completions = ptr.To[int32](2) }, Want: []string{invalid("spec.completions")}},
		{Name: "template", Change: image, Want: []string{invalid("spec.template")}},
		{Name: "nodes", Change: node, Want: []string{invalid("spec.template")}},
		{Name: "mode", Change: func(j *batchv1.Job) { j.Spec.CompletionMode = ptr.To(batchv1.IndexedCompletion) }, Want: []string{invalid("spec.completionMode")}},
		{Name: "manager", Change: func(j *batchv1.Job) { j.Spec.ManagedBy = ptr.To("a.b/c") }, Want: []string{invalid("spec.managedBy")}},
	})
	suspended := func() *batchv1.Job { j := validJob(); j.Spec.Suspend = ptr.To(true); return j }
	pods := func(j *batchv1.Job) {
		j.Spec.Template.Spec.Affinity = &v1.Affinity{PodAffinity: &v1.PodAffinity{RequiredDuringSchedulingIgnoredDuringExecution: []v1.PodAffinityTerm{{TopologyKey: "zone"}}}}
	}
	nodes := func(j *batchv1.Job) {
		j.Spec.Template.Spec.Affinity = &v1.Affinity{NodeAffinity: &v1.NodeAffinity{RequiredDuringSchedulingIgnoredDuringExecution: &v1.NodeSelector{NodeSelectorTerms: []v1.NodeSelectorTerm{
			{MatchExpressions: []v1.NodeSelectorRequirement{{Key: "a", Operator: v1.NodeSelectorOpExists}}}}}}}
	}
	rulestest.UpdateCases(t, suspended, ValidateJobUpdate, []c{
		{Name: "nodes", Change: node},
		{Name: "image", Change: image, Want: []string{invalid("spec.template")}},
		{Name: "node affinity", Change: nodes},
		{Name: "pod affinity", Change: pods, Want: []string{invalid("spec.template")}},
	})
	// A job that ran before it was suspended: its pods were made by the template, so all of them have to be gone.
	ran := func(active int32, told bool) func() *batchv1.Job {
		return func() *batchv1.Job {
			j := suspended()
			j.Status.StartTime, j.Status.Active = &metav1.Time{Time: time.Unix(1, 0)}, active
			if told {
				j.Status.Conditions = []batchv1.JobCondition{{Type: batchv1.JobSuspended, Status: v1.ConditionTrue}}
			}
			return j
		}
	}
	rulestest.UpdateCases(t, ran(0, true), ValidateJobUpdate, []c{{Name: "all gone", Change: node}})
	rulestest.UpdateCases(t, ran(0, false), ValidateJobUpdate, []c{{Name: "suspension not seen", Change: node, Want: []string{invalid("spec.template")}}})
	rulestest.UpdateCases(t, ran(1, true), ValidateJobUpdate, []c{{Name: "one active", Change: node, Want: []string{invalid("spec.template")}}})
	active := func() *batchv1.Job { j := suspended(); j.Status.Active = 1; return j }
	rulestest.UpdateCases(t, active, ValidateJobUpdate, []c{{Name: "active without start", Change: node, Want: []string{invalid("spec.template")}}})
	rulestest.UpdateCases(t, func() *batchv1.Job { return indexedJobOf(3) }, ValidateJobUpdate, []c{
		{Name: "in step", Change: func(j *batchv1.Job) { j.Spec.Completions, j.Spec.Parallelism = ptr.To[int32](4), ptr.To[int32](4) }},
		{Name: "out of step", Change: func(j *batchv1.Job) { j.Spec.Completions = ptr.To[int32](4) }, Want: []string{invalid("spec.completions")}},
	})
}

func TestCronJobs(t *testing.T) {
	valid := func() *batchv1.CronJob {
		cj := &batchv1.CronJob{ObjectMeta: metav1.ObjectMeta{Name: "c", Namespace: "ns", ResourceVersion: "1"}, Spec: batchv1.CronJobSpec{Schedule: "*/5 * * * *", JobTemplate: batchv1.JobTemplateSpec{Spec: jobSpecOf(v1.RestartPolicyOnFailure)}}}
		SetCronJobDefaults(cj)
		return cj
	}
	if s := valid().Spec; s.ConcurrencyPolicy != batchv1.AllowConcurrent || *s.SuccessfulJobsHistoryLimit != 3 || *s.FailedJobsHistoryLimit != 1 || *s.Suspend || s.JobTemplate.Spec.Completions != nil {
		t.Errorf("defaults give %+v", s)
	}
	type c = rulestest.Case[batchv1.CronJob]
	rulestest.Cases(t, valid, ValidateCronJob, []c{
		{Name: "name", Change: func(c *batchv1.CronJob) { c.Name = strings.Repeat("a", 53) }, Want: []string{invalid("metadata.name")}},
		{Name: "descriptor", Change: func(c *batchv1.CronJob) { c.Spec.Schedule = "@hourly" }},
		{Name: "no schedule", Change: func(c *batchv1.CronJob) { c.Spec.Schedule = "" }, Want: []string{required("spec.schedule")}},
		{Name: "schedule", Change: func(c *batchv1.CronJob) { c.Spec.Schedule = "error schedule" }, Want: []string{invalid("spec.schedule")}},
		{Name: "zone in schedule", Change: func(c *batchv1.CronJob) { c.Spec.Schedule = "TZ=UTC 0 * * * *" }, Want: []string{invalid("spec.schedule")}},
		{Name: "malformed zone in schedule", Change: func(c *batchv1.CronJob) { c.Spec.Schedule = "TZ=0" }, Want: []string{invalid("spec.schedule")}},
		{Name: "zone", Change: func(c *batchv1.CronJob) { c.Spec.TimeZone = ptr.To("UTC") }},
		{Name: "no zone", Change: func(c *batchv1.CronJob) { c.Spec.TimeZone = ptr.To("") }, Want: []string{invalid("spec.timeZone")}},
		{Name: "unknown zone", Change: func(c *batchv1.CronJob) { c.Spec.TimeZone = ptr.To("Mars/Olympus") }, Want: []string{invalid("spec.timeZone")}},
		{Name: "local zone", Change: func(c *batchv1.CronJob) { c.Spec.TimeZone = ptr.To("Local") }, Want: []string{invalid("spec.timeZone")}},
		{Name: "concurrency", Change: func(c *batchv1.CronJob) { c.Spec.ConcurrencyPolicy = "x" }, Want: []string{notSupported("spec.concurrencyPolicy")}},
		{Name: "limits", Change: func(c *batchv1.CronJob) {
			c.Spec.FailedJobsHistoryLimit, c.Spec.StartingDeadlineSeconds = ptr.To[int32](-1), ptr.To[int64](-1)
		},
			Want: []string{invalid("spec.failedJobsHistoryLimit"), invalid("spec.startingDeadlineSeconds")}},
		{Name: "selector", Change: func(c *batchv1.CronJob) {
			c.Spec.JobTemplate.Spec.Selector, c.Spec.JobTemplate.Spec.ManualSelector = &metav1.LabelSelector{}, ptr.To(true)
		},
			Want: []string{invalid("spec.jobTemplate.spec.selector"), notSupported("spec.jobTemplate.spec.manualSelector")}},
		{Name: "restart", Change: func(c *batchv1.CronJob) { c.Spec.JobTemplate.Spec.Template.Spec.RestartPolicy = v1.RestartPolicyAlways }, Want: []string{required("spec.jobTemplate.spec.template.spec.restartPolicy")}},
	})
	zoned := func() *batchv1.CronJob { c := valid(); c.Spec.Schedule = "TZ=UTC 0 * * * *"; return c }
	rulestest.UpdateCases(t, zoned, ValidateCronJobUpdate, []c{
		{Name: "other hour", Change: func(c *batchv1.CronJob) { c.Spec.Schedule = "TZ=UTC 1 * * * *" }},
		{Name: "both", Change: func(c *batchv1.CronJob) { c.Spec.TimeZone = ptr.To("UTC") }, Want: []string{invalid("spec.schedule")}},
	})
}
