package ttlafterfinished

import (
	"context"
	"fmt"
	"time"

	batch "k8s.io/api/batch/v1"
	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/proa-sh/proa/pkg/controllers/control"
)

// left is how long a Job stays; ok is false when it stays for ever or has not ended.
func left(job *batch.Job, now time.Time) (span time.Duration, ok bool) {
	if job.Spec.TTLSecondsAfterFinished == nil || job.DeletionTimestamp != nil {
		return 0, false
	}
	for _, c := range job.Status.Conditions {
		if (c.Type == batch.JobComplete || c.Type == batch.JobFailed) && c.Status == v1.ConditionTrue {
			end := c.LastTransitionTime.Add(time.Duration(*job.Spec.TTLSecondsAfterFinished) * time.Second)
			return max(end.Sub(now), 0), true
		}
	}
	return 0, false
}

// New makes the controller. Its keys are Jobs.
func New(d control.Dependencies) (control.Controller, error) {
	jobs := d.Informers.Batch().V1().Jobs()
	return control.NewLoop(control.Spec{
		Name: d.Name, Workers: d.Workers,
		Reconcile: func(ctx context.Context, key control.Key) (control.Result, error) {
			job, err := jobs.Lister().Jobs(key.Namespace).Get(key.Name)
			if apierrors.IsNotFound(err) {
				return control.Result{}, nil
			}
			if err != nil {
				return control.Result{}, fmt.Errorf("read job: %w", err)
			}
			span, ok := left(job, time.Now())
			if !ok || span > 0 {
				return control.Result{RequeueAfter: span}, nil
			}
			return expire(ctx, d, job)
		},
		Watches: []source.Source{control.Watch(jobs.Informer(), func(_, now *batch.Job) []control.Key {
			if now == nil {
				return nil
			}
			if _, ok := left(now, time.Now()); !ok {
				return nil
			}
			return []control.Key{control.KeyOf(now.Namespace, now.Name)}
		})},
		Writes: []control.Written{control.Shows[batch.Job](jobs.Informer())},
	}), nil
}

// expire deletes a Job, if it is over on the server too: its time to live may just have been made longer.
func expire(ctx context.Context, d control.Dependencies, cached *batch.Job) (control.Result, error) {
	client := d.Client.BatchV1().Jobs(cached.Namespace)
	job, err := client.Get(ctx, cached.Name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) || (err == nil && job.UID != cached.UID) {
		return control.Result{}, nil
	}
	if err != nil {
		return control.Result{}, fmt.Errorf("read job before deleting it: %w", err)
	}
	if span, ok := left(job, time.Now()); !ok || span > 0 {
		return control.Result{RequeueAfter: span}, nil
	}
	klog.FromContext(ctx).V(2).Info("Deleting job whose time is over", "job", klog.KObj(job))
	foreground := metav1.DeletePropagationForeground
	return control.Result{}, control.Delete(ctx, client, job, metav1.DeleteOptions{
		PropagationPolicy: &foreground, Preconditions: &metav1.Preconditions{ResourceVersion: &job.ResourceVersion},
	})
}
