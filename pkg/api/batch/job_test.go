package batch

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestPrepareJob(t *testing.T) {
	job := func(labels map[string]string, manual *bool, selector *metav1.LabelSelector) *batchv1.Job {
		return &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Name: "j", UID: "u"}, Spec: batchv1.JobSpec{
			ManualSelector: manual, Selector: selector, Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}},
		}}
	}
	generated := &metav1.LabelSelector{MatchLabels: map[string]string{"batch.kubernetes.io/controller-uid": "u"}}
	own := &metav1.LabelSelector{MatchLabels: map[string]string{"app": "a"}}
	for _, tt := range []struct {
		name      string
		job, want *batchv1.Job
	}{
		{"generated", job(nil, nil, nil), job(map[string]string{
			"controller-uid": "u", "job-name": "j", "batch.kubernetes.io/controller-uid": "u", "batch.kubernetes.io/job-name": "j",
		}, nil, generated)},
		{"beside own labels", job(map[string]string{"app": "a", "job-name": "other"}, new(false), nil), job(map[string]string{
			"app": "a", "controller-uid": "u", "job-name": "other", "batch.kubernetes.io/controller-uid": "u", "batch.kubernetes.io/job-name": "j",
		}, new(false), generated)},
		{"manual", job(map[string]string{"app": "a"}, new(true), own), job(map[string]string{"app": "a"}, new(true), own)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			prepareJob(tt.job)
			if diff := cmp.Diff(tt.want, tt.job); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestJobStatus(t *testing.T) {
	deleted := metav1.Now()
	for _, tt := range []struct {
		deleted    *metav1.Time
		conditions []batchv1.JobConditionType
		want       string
	}{
		{nil, nil, "Running"},
		{nil, []batchv1.JobConditionType{batchv1.JobSuspended}, "Suspended"},
		{nil, []batchv1.JobConditionType{batchv1.JobFailureTarget}, "FailureTarget"},
		{nil, []batchv1.JobConditionType{batchv1.JobSuccessCriteriaMet}, "SuccessCriteriaMet"},
		{nil, []batchv1.JobConditionType{batchv1.JobFailureTarget, batchv1.JobFailed}, "Failed"},
		{nil, []batchv1.JobConditionType{batchv1.JobSuccessCriteriaMet, batchv1.JobComplete}, "Complete"},
		{&deleted, []batchv1.JobConditionType{batchv1.JobSuspended}, "Terminating"},
		{&deleted, []batchv1.JobConditionType{batchv1.JobComplete}, "Complete"},
	} {
		j := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{DeletionTimestamp: tt.deleted}}
		for _, c := range tt.conditions {
			j.Status.Conditions = append(j.Status.Conditions, batchv1.JobCondition{Type: c, Status: corev1.ConditionTrue})
		}
		if got := jobStatus(j); got != tt.want {
			t.Errorf("status with conditions %v: %q, want %q", tt.conditions, got, tt.want)
		}
	}
}
