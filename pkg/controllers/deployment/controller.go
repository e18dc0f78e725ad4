package deployment

import (
	"context"
	"errors"
	"fmt"
	"time"

	apps "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
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
	control.Dependencies
	deployments appslisters.DeploymentLister
	sets        cache.SharedIndexInformer
	setLister   appslisters.ReplicaSetLister
	pods        cache.SharedIndexInformer
}

// New makes the controller of Deployments.
func New(d control.Dependencies) (control.Controller, error) {
	deployments, sets := d.Informers.Apps().V1().Deployments(), d.Informers.Apps().V1().ReplicaSets()
	r := &reconciler{
		Dependencies: d, deployments: deployments.Lister(),
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
			control.Watch(deployments.Informer(), func(old, now *apps.Deployment) []control.Key {
				one := control.Latest(old, now)
				return []control.Key{control.KeyOf(one.Namespace, one.Name)}
			}),
			control.Watch(r.sets, r.setChanged),
			control.Watch(r.pods, r.podChanged),
		},
		Writes: []control.Written{
			control.Shows[apps.Deployment](deployments.Informer()), control.Shows[apps.ReplicaSet](r.sets),
		},
	}), nil
}

// setChanged wakes the Deployments that had and have the set, or could adopt it.
func (r *reconciler) setChanged(old, now *apps.ReplicaSet) []control.Key {
	var keys []control.Key
	for _, set := range []*apps.ReplicaSet{old, now} {
		if set == nil {
			continue
		}
		if ref := metav1.GetControllerOfNoCopy(set); ref != nil && ref.Kind == kind().Kind {
			keys = append(keys, control.KeyOf(set.Namespace, ref.Name))
		}
	}
	if now == nil || metav1.GetControllerOfNoCopy(now) != nil {
		return keys
	}
	all, err := r.deployments.Deployments(now.Namespace).List(labels.Everything())
	if err != nil {
		return keys // a lister over a cache does not fail
	}
	for _, d := range all {
		if selector, err := metav1.LabelSelectorAsSelector(d.Spec.Selector); err == nil && !selector.Empty() && selector.Matches(labels.Set(now.Labels)) {
			keys = append(keys, control.KeyOf(d.Namespace, d.Name))
		}
	}
	return keys
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
	d, err := r.deployments.Deployments(set.Namespace).Get(parent.Name)
	if err != nil || rolls(d) {
		return nil
	}
	return []control.Key{control.KeyOf(d.Namespace, d.Name)}
}

// Reconcile implements reconcile.Reconciler.
func (r *reconciler) Reconcile(ctx context.Context, key control.Key) (control.Result, error) {
	d, err := r.deployments.Deployments(key.Namespace).Get(key.Name)
	if apierrors.IsNotFound(err) {
		return control.Result{}, nil
	}
	if err != nil {
		return control.Result{}, fmt.Errorf("read deployment: %w", err)
	}
	o, err := r.observe(ctx, d)
	if err != nil {
		return control.Result{}, err
	}
	actions, status, after, err := plan(o)
	if err != nil {
		return control.Result{}, reconcile.TerminalError(err)
	}
	number, failure := r.act(ctx, d, actions, &status)
	if control.IsNamespaceEnding(failure) {
		return control.Result{}, nil
	}
	if number != d.Annotations[revisionAnnotation] || !equality.Semantic.DeepEqual(status, d.Status) {
		if err := r.writeStatus(ctx, d, number, status); err != nil && !apierrors.IsNotFound(err) {
			return control.Result{}, errors.Join(failure, err)
		}
	}
	return control.Result{RequeueAfter: after}, failure
}

// observe gathers the Deployment's sets, after adopting and releasing.
func (r *reconciler) observe(ctx context.Context, d *apps.Deployment) (observed, error) {
	selector, err := metav1.LabelSelectorAsSelector(d.Spec.Selector)
	if err == nil && selector.Empty() {
		r.Recorder.Event(d, v1.EventTypeWarning, "SelectingAll", "This deployment is selecting all pods. A non-empty selector is required.")
		err = errors.New("it is empty")
	}
	if err != nil {
		return observed{}, reconcile.TerminalError(fmt.Errorf("read selector of deployment: %w", err))
	}
	sets, err := control.Claim[apps.ReplicaSet]{
		Owner: d, Kind: kind(), Selector: selector, Informer: r.sets,
		Live: func(ctx context.Context) (metav1.Object, error) {
			return r.Client.AppsV1().Deployments(d.Namespace).Get(ctx, d.Name, metav1.GetOptions{})
		},
		Patch: func(ctx context.Context, set *apps.ReplicaSet, kind types.PatchType, patch []byte) (*apps.ReplicaSet, error) {
			return control.Patch(ctx, r.Client.AppsV1().ReplicaSets(set.Namespace), set, kind, patch)
		},
	}.Children(ctx)
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

// act does the actions. It notes in status when creating the new set failed, and returns the revision that the
// Deployment's annotation should have.
func (r *reconciler) act(ctx context.Context, d *apps.Deployment, actions []action, status *apps.DeploymentStatus) (number string, failure error) {
	number = d.Annotations[revisionAnnotation]
	var failed []error
	for _, a := range actions {
		var err error
		switch a := a.(type) {
		case createSet:
			err = r.create(ctx, d, a.set, status)
		case updateSet:
			err = r.update(ctx, d, a)
		case deleteSet:
			err = control.Delete(ctx, r.Client.AppsV1().ReplicaSets(a.set.Namespace), a.set, metav1.DeleteOptions{})
		case setRevision:
			number = a.revision
		}
		if err != nil {
			failed = append(failed, err)
		}
	}
	return number, errors.Join(failed...)
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
func (r *reconciler) update(ctx context.Context, d *apps.Deployment, a updateSet) error {
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
func (r *reconciler) writeStatus(ctx context.Context, d *apps.Deployment, number string, status apps.DeploymentStatus) error {
	d = d.DeepCopy()
	d.Status = status
	if number != "" {
		metav1.SetMetaDataAnnotation(&d.ObjectMeta, revisionAnnotation, number)
	}
	_, err := control.UpdateStatus(ctx, r.Client.AppsV1().Deployments(d.Namespace), d)
	return err
}
