package ttlafterfinished

import (
	"context"
	"fmt"
	"time"

	batch "k8s.io/api/batch/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/proa-sh/proa/pkg/controllers/control"
)

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
			if out := plan(job, time.Now()); !out.remove {
				return control.Result{RequeueAfter: out.after}, nil
			}
			return expire(ctx, d, job)
		},
		Watches: []source.Source{control.Watch(jobs.Informer(), func(_, now *batch.Job) []control.Key {
			if now == nil || plan(now, time.Now()) == (outcome{}) {
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
	if out := plan(job, time.Now()); !out.remove {
		return control.Result{RequeueAfter: out.after}, nil
	}
	klog.FromContext(ctx).V(2).Info("Deleting job whose time is over", "job", klog.KObj(job))
	foreground := metav1.DeletePropagationForeground
	return control.Result{}, control.Delete(ctx, client, job, metav1.DeleteOptions{
		PropagationPolicy: &foreground, Preconditions: &metav1.Preconditions{ResourceVersion: &job.ResourceVersion},
	})
}
