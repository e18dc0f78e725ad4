package deployment

import (
	"context"
	"errors"
	"fmt"
	"time"

	apps "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	appslisters "k8s.io/client-go/listers/apps/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/proa-sh/proa/pkg/controllers/control"
	"github.com/proa-sh/proa/pkg/pods"
)

func kind() schema.GroupVersionKind { return apps.SchemeGroupVersion.WithKind("Deployment") }

// reconciler takes Deployments one step further.
type reconciler struct {
	control.Workload[apps.Deployment, *apps.Deployment]
	sets      cache.SharedIndexInformer
	setLister appslisters.ReplicaSetLister
	pods      cache.SharedIndexInformer
}

// New makes the controller of Deployments.
func New(d control.Dependencies) (control.Controller, error) {
	deployments, sets := d.Informers.Apps().V1().Deployments(), d.Informers.Apps().V1().ReplicaSets()
	r := &reconciler{
		Workload: control.Workload[apps.Deployment, *apps.Deployment]{
			Dependencies: d, Kind: kind(), Owners: deployments.Informer(),
			Selector: func(d *apps.Deployment) (labels.Selector, error) {
				return metav1.LabelSelectorAsSelector(d.Spec.Selector)
			},
			Live: func(ctx context.Context, namespace, name string) (*apps.Deployment, error) {
				return d.Client.AppsV1().Deployments(namespace).Get(ctx, name, metav1.GetOptions{})
			},
		},
		sets: sets.Informer(), setLister: sets.Lister(), pods: d.Informers.Core().V1().Pods().Informer(),
	}
	for _, informer := range []cache.SharedIndexInformer{r.sets, r.pods} {
		if err := control.IndexByController(informer); err != nil {
			return nil, err
		}
	}
	return control.NewLoop(control.Spec{
		Name: d.Name, Workers: d.Workers, Reconcile: r.Reconcile,
		Watches: []source.Source{
			r.WatchOwners(), control.WatchChildren[apps.ReplicaSet](&r.Workload, r.sets),
			control.Watch(r.pods, r.podChanged),
		},
		Writes: []control.Written{
			control.Shows[apps.Deployment](deployments.Informer()), control.Shows[apps.ReplicaSet](r.sets),
		},
	}), nil
}

// podChanged wakes a Recreate Deployment that waits for the end of its old pods.
func (r *reconciler) podChanged(old, now *v1.Pod) []control.Key {
	if now != nil && !pods.IsTerminal(now) {
		return nil
	}
	ref := metav1.GetControllerOfNoCopy(control.Latest(old, now))
	if ref == nil || ref.Kind != "ReplicaSet" {
		return nil
	}
	set, err := r.setLister.ReplicaSets(control.Latest(old, now).Namespace).Get(ref.Name)
	if err != nil || set.UID != ref.UID {
		return nil // the set has gone, which wakes the Deployment itself
	}
	parent := metav1.GetControllerOfNoCopy(set)
	if parent == nil || parent.Kind != kind().Kind {
		return nil
	}
	key := control.KeyOf(set.Namespace, parent.Name)
	if d := r.Get(key); d == nil || rolls(d) {
		return nil
	}
	return []control.Key{key}
}

// Reconcile implements reconcile.Reconciler.
func (r *reconciler) Reconcile(ctx context.Context, key control.Key) (control.Result, error) {
	d := r.Get(key)
	if d == nil {
		return control.Result{}, nil
	}
	o, err := r.observe(ctx, d)
	if err != nil {
		return control.Result{}, err
	}
	out, err := plan(o)
	if err != nil {
		return control.Result{}, reconcile.TerminalError(err)
	}
	failure := r.act(ctx, d, &out)
	if control.IsNamespaceEnding(failure) {
		return control.Result{}, nil
	}
	return control.Result{RequeueAfter: out.after}, errors.Join(failure, r.writeStatus(ctx, d, out))
}

// observe gathers the Deployment's sets, after adopting and releasing.
func (r *reconciler) observe(ctx context.Context, d *apps.Deployment) (observed, error) {
	if selector, err := r.Selector(d); err == nil && selector.Empty() {
		r.Recorder.Event(d, v1.EventTypeWarning, "SelectingAll", "This deployment is selecting all pods. A non-empty selector is required.")
	}
	sets, err := control.Children(ctx, &r.Workload, d, control.Claim[apps.ReplicaSet]{Informer: r.sets, Client: r.Client.AppsV1().ReplicaSets(d.Namespace)})
	if err != nil {
		return observed{}, err
	}
	o := observed{deployment: d, sets: sets, now: time.Now()}
	if !rolls(d) {
		o.oldPods, err = r.oldPods(sortSets(o).old)
	}
	return o, err
}

// oldPods says whether any pod of these sets has not ended.
func (r *reconciler) oldPods(sets []*apps.ReplicaSet) (bool, error) {
	for _, set := range sets {
		all, err := control.ControlledBy[v1.Pod](r.pods, set)
		if err != nil {
			return false, err
		}
		for _, pod := range all {
			if !pods.IsTerminal(pod) {
				return true, nil
			}
		}
	}
	return false, nil
}

// act does what the plan asks for. It notes in the outcome's status when creating the new set failed.
func (r *reconciler) act(ctx context.Context, d *apps.Deployment, out *outcome) error {
	var failed []error
	if out.create != nil {
		failed = append(failed, r.create(ctx, d, out.create, &out.status))
	}
	for _, one := range out.update {
		failed = append(failed, r.update(ctx, d, one))
	}
	for _, set := range out.remove {
		failed = append(failed, control.Delete(ctx, r.Client.AppsV1().ReplicaSets(set.Namespace), set, metav1.DeleteOptions{}))
	}
	return errors.Join(failed...)
}

// create creates the newest set. When its name is taken by another, the collision count changes the next name.
func (r *reconciler) create(ctx context.Context, d *apps.Deployment, set *apps.ReplicaSet, status *apps.DeploymentStatus) error {
	client := r.Client.AppsV1().ReplicaSets(set.Namespace)
	created, err := control.Create(ctx, client, set)
	switch {
	case err == nil:
		klog.FromContext(ctx).V(2).Info("Created replica set", "replicaSet", klog.KObj(created), "replicas", size(created))
		if size(created) > 0 {
			r.Recorder.Eventf(d, v1.EventTypeNormal, "ScalingReplicaSet", "Scaled up replica set %s from 0 to %d", created.Name, size(created))
		}
		return nil
	case !apierrors.IsAlreadyExists(err):
		if !control.IsNamespaceEnding(err) && hasDeadline(d) {
			setCondition(&status.Conditions, progressing("False", "ReplicaSetCreateError", fmt.Sprintf("Failed to create new replica set %q: %v", set.Name, errors.Unwrap(err)), time.Now()))
		}
		return err
	}
	other, err := client.Get(ctx, set.Name, metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("read replica set that has the new one's name: %w", err)
	}
	control.Wrote(ctx, other)
	if metav1.IsControlledBy(other, d) && sameTemplate(&other.Spec.Template, &d.Spec.Template) {
		return nil // ours; the cache will show it
	}
	count := int32(1)
	if d.Status.CollisionCount != nil {
		count = *d.Status.CollisionCount + 1
	}
	status.CollisionCount = &count
	klog.FromContext(ctx).V(2).Info("Name of new replica set is taken, trying another", "replicaSet", klog.KObj(other), "collisions", count)
	return nil
}

// update writes a changed set.
func (r *reconciler) update(ctx context.Context, d *apps.Deployment, a change) error {
	if _, err := control.Update(ctx, r.Client.AppsV1().ReplicaSets(a.set.Namespace), a.set); err != nil {
		return err
	}
	from, to := size(a.was), size(a.set)
	if from == to {
		return nil
	}
	direction := "up"
	if to < from {
		direction = "down"
	}
	klog.FromContext(ctx).V(2).Info("Scaled replica set", "replicaSet", klog.KObj(a.set), "from", from, "to", to)
	r.Recorder.Eventf(d, v1.EventTypeNormal, "ScalingReplicaSet", "Scaled %s replica set %s from %d to %d", direction, a.set.Name, from, to)
	return nil
}

// writeStatus writes the status, and with it the revision annotation: written so, it does not count as a change that the
// user made, and the generation stays.
func (r *reconciler) writeStatus(ctx context.Context, d *apps.Deployment, out outcome) error {
	changed := d.DeepCopy()
	changed.Status = out.status
	if out.revision != "" {
		metav1.SetMetaDataAnnotation(&changed.ObjectMeta, revisionAnnotation, out.revision)
	}
	return control.WriteStatus(ctx, r.Client.AppsV1().Deployments(d.Namespace), changed, d, changed)
}
