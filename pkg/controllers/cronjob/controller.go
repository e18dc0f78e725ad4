package cronjob

import (
	"context"
	"errors"
	"fmt"
	"time"

	batch "k8s.io/api/batch/v1"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	batchlisters "k8s.io/client-go/listers/batch/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/proa-sh/proa/pkg/controllers/control"
)

func kind() schema.GroupVersionKind { return batch.SchemeGroupVersion.WithKind("CronJob") }

type reconciler struct {
	control.Dependencies
	crons batchlisters.CronJobLister
	jobs  cache.SharedIndexInformer
}

// New makes the controller. Its keys are CronJobs.
func New(d control.Dependencies) (control.Controller, error) {
	group := d.Informers.Batch().V1()
	r := &reconciler{Dependencies: d, crons: group.CronJobs().Lister(), jobs: group.Jobs().Informer()}
	if err := control.IndexByController(r.jobs); err != nil {
		return nil, err
	}
	return control.NewLoop(control.Spec{
		Name: d.Name, Workers: d.Workers, Reconcile: r.Reconcile,
		Watches: []source.Source{
			control.Watch(group.CronJobs().Informer(), func(old, now *batch.CronJob) []control.Key {
				cron := control.Latest(old, now)
				return []control.Key{control.KeyOf(cron.Namespace, cron.Name)}
			}),
			control.Watch(r.jobs, func(old, now *batch.Job) []control.Key { return control.OwnersOf(kind().Kind, old, now, nil) }),
		},
		Writes: []control.Written{control.Shows[batch.CronJob](group.CronJobs().Informer()), control.Shows[batch.Job](r.jobs)},
	}), nil
}

// Reconcile implements reconcile.Reconciler.
func (r *reconciler) Reconcile(ctx context.Context, key control.Key) (control.Result, error) {
	cron, err := r.crons.CronJobs(key.Namespace).Get(key.Name)
	if apierrors.IsNotFound(err) {
		return control.Result{}, nil
	}
	if err != nil {
		return control.Result{}, fmt.Errorf("read cron job: %w", err)
	}
	jobs, err := control.ControlledBy[batch.Job](r.jobs, cron)
	if err != nil {
		return control.Result{}, err
	}
	out := plan(observed{cron: cron, jobs: jobs, now: time.Now()})
	return control.Result{RequeueAfter: out.after}, r.act(ctx, cron, out)
}

// act deletes, creates, and writes the status that follows.
func (r *reconciler) act(ctx context.Context, cron *batch.CronJob, out outcome) error {
	for _, e := range out.events {
		r.Recorder.Event(cron, e.kind, e.reason, e.message)
	}
	var failed []error
	for _, job := range out.remove {
		failed = append(failed, r.remove(ctx, cron, job))
	}
	if failure := errors.Join(failed...); failure != nil {
		return failure
	}
	if out.create != nil {
		if err := r.create(ctx, cron, &out); err != nil {
			return err
		}
	}
	if equality.Semantic.DeepEqual(out.status, cron.Status) {
		return nil
	}
	cron = cron.DeepCopy()
	cron.Status = out.status
	_, err := control.UpdateStatus(ctx, r.Client.BatchV1().CronJobs(cron.Namespace), cron)
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

// create makes the Job that is due, and notes it in the status.
func (r *reconciler) create(ctx context.Context, cron *batch.CronJob, out *outcome) error {
	job, err := control.Create(ctx, r.Client.BatchV1().Jobs(cron.Namespace), out.create)
	switch {
	case control.IsNamespaceEnding(err):
		return nil
	case apierrors.IsAlreadyExists(err):
		// Of an earlier attempt, which the cache will show, or somebody else's.
		klog.FromContext(ctx).V(2).Info("Job of this time is there already", "job", klog.KObj(out.create))
		out.status.LastScheduleTime = &metav1.Time{Time: out.due}
		return nil
	case err != nil:
		r.Recorder.Eventf(cron, v1.EventTypeWarning, "FailedCreate", "Error creating job: %v", errors.Unwrap(err))
		return err
	}
	r.Recorder.Eventf(cron, v1.EventTypeNormal, "SuccessfulCreate", "Created job %v", job.Name)
	out.status.Active = append(out.status.Active, referenceTo(job))
	out.status.LastScheduleTime = &metav1.Time{Time: out.due}
	return nil
}

// remove deletes a Job and, after it, its pods.
func (r *reconciler) remove(ctx context.Context, cron *batch.CronJob, job *batch.Job) error {
	background := metav1.DeletePropagationBackground
	if err := control.Delete(ctx, r.Client.BatchV1().Jobs(job.Namespace), job, metav1.DeleteOptions{PropagationPolicy: &background}); err != nil {
		r.Recorder.Eventf(cron, v1.EventTypeWarning, "FailedDelete", "Deleted job: %v", errors.Unwrap(err))
		return err
	}
	r.Recorder.Eventf(cron, v1.EventTypeNormal, "SuccessfulDelete", "Deleted job %v", job.Name)
	return nil
}
