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
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	batchlisters "k8s.io/client-go/listers/batch/v1"
	"k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/proa-sh/proa/pkg/controllers/control"
)

func kind() schema.GroupVersionKind { return batch.SchemeGroupVersion.WithKind("Job") }

// byTracker is the index of pods with the tracking finalizer, by namespace and name of the Job that they name as their
// controller; the name is empty when they name none.
const byTracker = "proa.sh/job-tracking"

type reconciler struct {
	control.Dependencies
	jobs batchlisters.JobLister
	pods cache.SharedIndexInformer

	mu       sync.Mutex
	memories map[types.UID]memory // guarded by mu; of Jobs that exist and whose pods have failed
}

// New makes the controller of Jobs.
func New(d control.Dependencies) (control.Controller, error) {
	jobs := d.Informers.Batch().V1().Jobs()
	r := &reconciler{Dependencies: d, jobs: jobs.Lister(), pods: d.Informers.Core().V1().Pods().Informer(), memories: map[types.UID]memory{}}
	if err := control.IndexByController(r.pods); err != nil {
		return nil, err
	}
	if err := control.AddIndex(r.pods, byTracker, indexTracked); err != nil {
		return nil, err
	}
	return control.NewLoop(control.Spec{
		Name: d.Name, Workers: d.Workers, Reconcile: r.Reconcile,
		Watches: []source.Source{
			control.Watch(jobs.Informer(), r.jobChanged),
			control.Watch(r.pods, func(old, now *v1.Pod) []control.Key { return control.OwnersOf(kind().Kind, old, now, r.adopters) }),
		},
		Writes: []control.Written{control.Shows[batch.Job](jobs.Informer()), control.Shows[v1.Pod](r.pods)},
	}), nil
}

func indexTracked(item any) ([]string, error) {
	pod, ok := item.(*v1.Pod)
	if !ok {
		return nil, fmt.Errorf("index tracked pod: found %T", item)
	}
	if !tracked(pod) {
		return nil, nil
	}
	name := ""
	if ref := metav1.GetControllerOfNoCopy(pod); ref != nil && ref.Kind == kind().Kind {
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

// adopters are the Jobs that could adopt a pod. A pod that is tracked and belongs to no Job wakes a key of no Job, where
// it loses its finalizer.
func (r *reconciler) adopters(obj metav1.Object) []control.Key {
	all, err := r.jobs.Jobs(obj.GetNamespace()).List(labels.Everything())
	if err != nil {
		return nil // a lister over a cache does not fail
	}
	var keys []control.Key
	for _, job := range all {
		if selector, err := metav1.LabelSelectorAsSelector(job.Spec.Selector); err == nil && !selector.Empty() && selector.Matches(labels.Set(obj.GetLabels())) {
			keys = append(keys, control.KeyOf(job.Namespace, job.Name))
		}
	}
	if pod, ok := obj.(*v1.Pod); ok && tracked(pod) && len(keys) == 0 {
		keys = append(keys, control.KeyOf(pod.Namespace, ""))
	}
	return keys
}

// Reconcile implements reconcile.Reconciler.
func (r *reconciler) Reconcile(ctx context.Context, key control.Key) (control.Result, error) {
	job, err := r.jobs.Jobs(key.Namespace).Get(key.Name)
	if err != nil && !apierrors.IsNotFound(err) {
		return control.Result{}, fmt.Errorf("read job: %w", err)
	}
	if err != nil {
		job = nil
	}
	if err := r.freeStrays(ctx, key, job); err != nil {
		return control.Result{}, err
	}
	if job == nil || (job.Spec.ManagedBy != nil && *job.Spec.ManagedBy != batch.JobControllerName) {
		return control.Result{}, nil
	}
	children, err := r.children(ctx, job)
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

// children are the Job's pods, after adopting and releasing.
func (r *reconciler) children(ctx context.Context, job *batch.Job) ([]*v1.Pod, error) {
	selector, err := metav1.LabelSelectorAsSelector(job.Spec.Selector)
	if err != nil {
		return nil, reconcile.TerminalError(fmt.Errorf("read selector of job: %w", err))
	}
	return control.Claim[v1.Pod]{
		Owner: job, Kind: kind(), Selector: selector, Informer: r.pods,
		Live: func(ctx context.Context) (metav1.Object, error) {
			return r.Client.BatchV1().Jobs(job.Namespace).Get(ctx, job.Name, metav1.GetOptions{})
		},
		// An adopted pod without the finalizer would never be counted, so it gets it.
		Patch: func(ctx context.Context, pod *v1.Pod, kind types.PatchType, patch []byte) (*v1.Pod, error) {
			if metav1.GetControllerOfNoCopy(pod) == nil {
				patch = withFinalizer(patch)
			}
			return control.Patch(ctx, r.Client.CoreV1().Pods(pod.Namespace), pod, kind, patch)
		},
	}.Children(ctx)
}

// act deletes and creates pods, writes the status, and then lets ended pods go.
func (r *reconciler) act(ctx context.Context, o observed, out outcome) error {
	given, failure := r.deletePods(ctx, o.job, out.tally.given, false)
	removed, err := r.deletePods(ctx, o.job, out.remove, out.keep)
	created, failure := 0, errors.Join(failure, err)
	if failure == nil {
		created, failure = control.SlowStart(ctx, len(out.create), func(ctx context.Context, i int) error { return r.createPod(ctx, o.job, out.create[i]) })
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
