package job

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	batch "k8s.io/api/batch/v1"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/proa-sh/proa/pkg/controllers/control"
)

// byTracker is the index of pods with the tracking finalizer, by namespace and name of the Job that they name as their
// controller; the name is empty when they name none.
const byTracker = "proa.sh/job-tracking"

type reconciler struct {
	control.Workload[batch.Job, *batch.Job]
	pods cache.SharedIndexInformer

	mu       sync.Mutex
	memories map[types.UID]memory // guarded by mu; of Jobs that exist and whose pods have failed
}

// New makes the controller of Jobs.
func New(d control.Dependencies) (control.Controller, error) {
	r := &reconciler{
		Workload: control.Workload[batch.Job, *batch.Job]{
			Dependencies: d, Kind: batch.SchemeGroupVersion.WithKind("Job"), Owners: d.Informers.Batch().V1().Jobs().Informer(),
			Selector: func(job *batch.Job) (labels.Selector, error) {
				return metav1.LabelSelectorAsSelector(job.Spec.Selector)
			},
			Live: func(ctx context.Context, namespace, name string) (*batch.Job, error) {
				return d.Client.BatchV1().Jobs(namespace).Get(ctx, name, metav1.GetOptions{})
			},
		},
		pods: d.Informers.Core().V1().Pods().Informer(), memories: map[types.UID]memory{},
	}
	if err := control.IndexByController(r.pods); err != nil {
		return nil, err
	}
	if err := control.AddIndex(r.pods, byTracker, r.indexTracked); err != nil {
		return nil, err
	}
	return control.NewLoop(control.Spec{
		Name: d.Name, Workers: d.Workers, Reconcile: r.Reconcile,
		Watches: []source.Source{control.Watch(r.Owners, r.jobChanged), control.Watch(r.pods, r.podChanged)},
		Writes:  []control.Written{control.Shows[batch.Job](r.Owners), control.Shows[v1.Pod](r.pods)},
	}), nil
}

func (r *reconciler) indexTracked(item any) ([]string, error) {
	pod, ok := item.(*v1.Pod)
	if !ok {
		return nil, fmt.Errorf("index tracked pod: found %T", item)
	}
	if !tracked(pod) {
		return nil, nil
	}
	name := ""
	if ref := metav1.GetControllerOfNoCopy(pod); ref != nil && ref.Kind == r.Kind.Kind {
		name = ref.Name
	}
	return []string{pod.Namespace + "/" + name}, nil
}

func (r *reconciler) jobChanged(old, now *batch.Job) []control.Key {
	if now == nil {
		r.mu.Lock()
		delete(r.memories, old.UID)
		r.mu.Unlock()
	}
	job := control.Latest(old, now)
	return []control.Key{control.KeyOf(job.Namespace, job.Name)}
}

// podChanged wakes the Jobs that had or have a pod, or could adopt it. A pod that is tracked and belongs to no Job wakes a
// key of no Job, where it loses its finalizer.
func (r *reconciler) podChanged(old, now *v1.Pod) []control.Key {
	keys := control.OwnersOf(r.Kind.Kind, old, now, r.Adopters)
	if len(keys) == 0 && now != nil && tracked(now) {
		keys = append(keys, control.KeyOf(now.Namespace, ""))
	}
	return keys
}

// Reconcile implements reconcile.Reconciler.
func (r *reconciler) Reconcile(ctx context.Context, key control.Key) (control.Result, error) {
	job := r.Get(key)
	if err := r.freeStrays(ctx, key, job); err != nil {
		return control.Result{}, err
	}
	if job == nil || (job.Spec.ManagedBy != nil && *job.Spec.ManagedBy != batch.JobControllerName) {
		return control.Result{}, nil
	}
	// An adopted pod without the finalizer would never be counted, so it gets it.
	children, err := control.Children(ctx, &r.Workload, job, control.Claim[v1.Pod]{
		Informer: r.pods, Client: r.Client.CoreV1().Pods(job.Namespace), Finalizers: []string{batch.JobTrackingFinalizer},
	})
	if err != nil {
		return control.Result{}, err
	}
	if ended(job) || job.DeletionTimestamp != nil {
		return control.Result{}, r.untrack(ctx, children)
	}
	r.mu.Lock()
	remembered := r.memories[job.UID]
	r.mu.Unlock()
	o := observed{job: job, pods: children, memory: remembered, now: time.Now()}
	out := plan(o)
	return control.Result{RequeueAfter: out.after}, r.act(ctx, o, out)
}

// freeStrays takes the finalizer from pods that name a Job of this key that is not job, so that they can go.
func (r *reconciler) freeStrays(ctx context.Context, key control.Key, job *batch.Job) error {
	all, err := control.ByIndex[v1.Pod](r.pods, byTracker, key.Namespace+"/"+key.Name)
	if err != nil {
		return err
	}
	var strays []*v1.Pod
	for _, pod := range all {
		if job == nil || !metav1.IsControlledBy(pod, job) {
			strays = append(strays, pod)
		}
	}
	return r.untrack(ctx, strays)
}

// act deletes and creates pods, writes the status, and then lets ended pods go.
func (r *reconciler) act(ctx context.Context, o observed, out outcome) error {
	given, failure := r.deletePods(ctx, o.job, out.tally.given, false)
	removed, err := r.deletePods(ctx, o.job, out.remove, out.keep)
	created, failure := 0, errors.Join(failure, err)
	if failure == nil {
		created, failure = control.SlowStart(ctx, len(out.create), func(ctx context.Context, i int) error {
			return r.CreatePod(ctx, o.job, r.podFor(o.job, out.create[i]))
		})
		if control.IsNamespaceEnding(failure) {
			failure = nil // the Job goes as well
		}
	}
	status := o.status(out, created, removed, given)
	if !equality.Semantic.DeepEqual(status, o.job.Status) {
		job := o.job.DeepCopy()
		job.Status = status
		if _, err := control.UpdateStatus(ctx, r.Client.BatchV1().Jobs(job.Namespace), job); err != nil {
			if apierrors.IsNotFound(err) {
				err = nil
			}
			return errors.Join(failure, err)
		}
		r.announce(o, out, status)
	}
	r.mu.Lock()
	if out.memory != (memory{}) {
		r.memories[o.job.UID] = out.memory
	} else {
		delete(r.memories, o.job.UID)
	}
	r.mu.Unlock()
	return errors.Join(failure, r.untrack(ctx, out.tally.untrack))
}

// announce emits the events of what a status write has made known.
func (r *reconciler) announce(o observed, out outcome, status batch.JobStatus) {
	was, is := findCondition(o.job.Status, batch.JobSuspended), findCondition(status, batch.JobSuspended)
	switch {
	case is != nil && is.Status == v1.ConditionTrue && (was == nil || was.Status != v1.ConditionTrue):
		r.Recorder.Event(o.job, v1.EventTypeNormal, "Suspended", "Job suspended")
	case is != nil && is.Status == v1.ConditionFalse && was != nil && was.Status == v1.ConditionTrue:
		r.Recorder.Event(o.job, v1.EventTypeNormal, "Resumed", "Job resumed")
	}
	switch {
	case out.final == nil:
	case out.final.Type == batch.JobComplete:
		r.Recorder.Event(o.job, v1.EventTypeNormal, "Completed", "Job completed")
	default:
		r.Recorder.Event(o.job, v1.EventTypeWarning, out.final.Reason, out.final.Message)
	}
}
