package statefulset

import (
	"context"
	"errors"
	"fmt"
	"slices"
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
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/proa-sh/proa/pkg/controllers/control"
	"github.com/proa-sh/proa/pkg/controllers/control/revisions"
)

func kind() schema.GroupVersionKind { return apps.SchemeGroupVersion.WithKind("StatefulSet") }

const (
	// history is how many revisions are kept when the set does not say.
	history = 10
	// hashLabel is the label of a set's revisions that holds their hash; its pods carry the revision's whole name.
	hashLabel = "controller.kubernetes.io/hash"
)

type reconciler struct {
	control.Dependencies
	sets      appslisters.StatefulSetLister
	pods      cache.SharedIndexInformer
	revisions cache.SharedIndexInformer
	claims    corelisters.PersistentVolumeClaimLister
}

// New makes the controller of StatefulSets.
func New(d control.Dependencies) (control.Controller, error) {
	group, core := d.Informers.Apps().V1(), d.Informers.Core().V1()
	r := &reconciler{
		Dependencies: d, sets: group.StatefulSets().Lister(), pods: core.Pods().Informer(),
		revisions: group.ControllerRevisions().Informer(), claims: core.PersistentVolumeClaims().Lister(),
	}
	for _, informer := range []cache.SharedIndexInformer{r.pods, r.revisions} {
		if err := control.IndexByController(informer); err != nil {
			return nil, err
		}
	}
	return control.NewLoop(control.Spec{
		Name: d.Name, Workers: d.Workers, Reconcile: r.Reconcile,
		Watches: []source.Source{
			control.Watch(group.StatefulSets().Informer(), func(old, now *apps.StatefulSet) []control.Key {
				set := control.Latest(old, now)
				return []control.Key{control.KeyOf(set.Namespace, set.Name)}
			}),
			control.Watch(r.pods, func(old, now *v1.Pod) []control.Key { return control.OwnersOf(kind().Kind, old, now, r.adopters) }),
			control.Watch(r.revisions, func(old, now *apps.ControllerRevision) []control.Key {
				return control.OwnersOf(kind().Kind, old, now, r.adopters)
			}),
			control.Watch(core.PersistentVolumeClaims().Informer(), r.claimChanged),
		},
		Writes: []control.Written{
			control.Shows[v1.Pod](r.pods), control.Shows[apps.ControllerRevision](r.revisions),
			control.Shows[apps.StatefulSet](group.StatefulSets().Informer()), control.Shows[v1.PersistentVolumeClaim](core.PersistentVolumeClaims().Informer()),
		},
	}), nil
}

// adopters are the sets that could adopt an object.
func (r *reconciler) adopters(obj metav1.Object) []control.Key {
	all, err := r.sets.StatefulSets(obj.GetNamespace()).List(labels.Everything())
	if err != nil {
		return nil // a lister over a cache does not fail
	}
	var keys []control.Key
	for _, set := range all {
		if selector, err := metav1.LabelSelectorAsSelector(set.Spec.Selector); err == nil && !selector.Empty() && selector.Matches(labels.Set(obj.GetLabels())) {
			keys = append(keys, control.KeyOf(set.Namespace, set.Name))
		}
	}
	return keys
}

// claimChanged wakes the sets whose pods a claim that has gone was for: it may have to be made again.
func (r *reconciler) claimChanged(old, now *v1.PersistentVolumeClaim) []control.Key {
	if now != nil {
		return nil
	}
	all, err := r.sets.StatefulSets(old.Namespace).List(labels.Everything())
	if err != nil {
		return nil // a lister over a cache does not fail
	}
	var keys []control.Key
	for _, set := range all {
		if hasClaim(set, old.Name) {
			keys = append(keys, control.KeyOf(set.Namespace, set.Name))
		}
	}
	return keys
}

// Reconcile implements reconcile.Reconciler.
func (r *reconciler) Reconcile(ctx context.Context, key control.Key) (control.Result, error) {
	set, err := r.sets.StatefulSets(key.Namespace).Get(key.Name)
	if apierrors.IsNotFound(err) || (err == nil && set.DeletionTimestamp != nil) {
		return control.Result{}, nil
	}
	if err != nil {
		return control.Result{}, fmt.Errorf("read stateful set: %w", err)
	}
	o, existing, err := r.observe(ctx, set)
	if err != nil {
		return control.Result{}, err
	}
	owner := revisions.Owner{
		Object: set, Kind: kind(), Template: &set.Spec.Template, Labels: set.Spec.Template.Labels,
		Collisions: set.Status.CollisionCount, HashLabel: hashLabel,
	}
	newest, collisions, err := revisions.Sync(ctx, r.Client, owner, existing)
	switch {
	case control.IsNamespaceEnding(err):
		return control.Result{}, nil
	case err != nil:
		return control.Result{}, err
	case newest == nil:
		status := set.Status
		status.CollisionCount = collisions
		return control.Result{}, r.writeStatus(ctx, set, status)
	}
	current := newest
	if i := slices.IndexFunc(existing, func(c *apps.ControllerRevision) bool { return c.Name == set.Status.CurrentRevision }); i >= 0 {
		current = existing[i]
	}
	o.current, o.update = current.Name, newest.Name
	actions, after := plan(o)
	// A claim has its owners before its pod is deleted: afterwards nobody would know that it has to go with it.
	unkept := r.keepClaims(ctx, o)
	if unkept != nil {
		actions = slices.DeleteFunc(actions, func(a action) bool { d, ok := a.(deletePod); return ok && d.condemned })
	}
	failure := errors.Join(unkept, r.act(ctx, o, current, newest, actions))
	status, later := o.status(set.Status.CollisionCount)
	if later > 0 && (after == 0 || later < after) {
		after = later
	}
	return control.Result{RequeueAfter: after}, errors.Join(failure, r.writeStatus(ctx, set, status), r.forget(ctx, o, existing))
}

// observe gathers the set's pods and revisions, after adopting and releasing.
func (r *reconciler) observe(ctx context.Context, set *apps.StatefulSet) (observed, []*apps.ControllerRevision, error) {
	selector, err := metav1.LabelSelectorAsSelector(set.Spec.Selector)
	if err != nil {
		return observed{}, nil, reconcile.TerminalError(fmt.Errorf("read selector of stateful set: %w", err))
	}
	live := func(ctx context.Context) (metav1.Object, error) {
		return r.Client.AppsV1().StatefulSets(set.Namespace).Get(ctx, set.Name, metav1.GetOptions{})
	}
	children, err := control.Claim[v1.Pod]{
		Owner: set, Kind: kind(), Selector: selector, Informer: r.pods, Live: live,
		May: func(pod *v1.Pod) bool { _, ok := ordinalOf(set, pod); return ok },
		Patch: func(ctx context.Context, pod *v1.Pod, kind types.PatchType, patch []byte) (*v1.Pod, error) {
			return control.Patch(ctx, r.Client.CoreV1().Pods(pod.Namespace), pod, kind, patch)
		},
	}.Children(ctx)
	if err != nil {
		return observed{}, nil, err
	}
	existing, err := control.Claim[apps.ControllerRevision]{
		Owner: set, Kind: kind(), Selector: selector, Informer: r.revisions, Live: live,
		Patch: func(ctx context.Context, one *apps.ControllerRevision, kind types.PatchType, patch []byte) (*apps.ControllerRevision, error) {
			return control.Patch(ctx, r.Client.AppsV1().ControllerRevisions(one.Namespace), one, kind, patch)
		},
	}.Children(ctx)
	return observed{set: set, pods: children, now: time.Now()}, existing, err
}

// act does the actions: with order there is one at a time, else creations start with a few.
func (r *reconciler) act(ctx context.Context, o observed, current, newest *apps.ControllerRevision, actions []action) error {
	var creations []createPod
	var failed []error
	for _, a := range actions {
		switch a := a.(type) {
		case createPod:
			creations = append(creations, a)
		case mendPod:
			pod := a.pod.DeepCopy()
			identify(o.set, pod, a.ordinal)
			pod.Spec = a.pod.Spec // volumes cannot change
			_, err := control.Update(ctx, r.Client.CoreV1().Pods(pod.Namespace), pod)
			failed = append(failed, err)
		case deletePod:
			failed = append(failed, r.deletePod(ctx, o.set, a))
		}
	}
	_, err := control.SlowStart(ctx, len(creations), func(ctx context.Context, i int) error {
		revision := newest
		if creations[i].revision == current.Name {
			revision = current
		}
		return r.createPod(ctx, o.set, revision, creations[i].ordinal)
	})
	if !control.IsNamespaceEnding(err) {
		failed = append(failed, err)
	}
	return errors.Join(failed...)
}

// createPod creates a pod's claims and then the pod.
func (r *reconciler) createPod(ctx context.Context, set *apps.StatefulSet, revision *apps.ControllerRevision, ordinal int) error {
	restored, err := revisions.Apply(set, revision)
	if err != nil {
		return err
	}
	pod := newPod(restored, revision.Name, ordinal)
	if err := r.createClaims(ctx, restored, pod, ordinal); err != nil {
		return err
	}
	if _, err := control.Create(ctx, r.Client.CoreV1().Pods(pod.Namespace), pod); err != nil {
		if !control.IsNamespaceEnding(err) && !apierrors.IsAlreadyExists(err) {
			r.notCreated(set, pod, errors.Unwrap(err))
		}
		return err
	}
	r.Recorder.Eventf(set, v1.EventTypeNormal, "SuccessfulCreate", "create Pod %s in StatefulSet %s successful", pod.Name, set.Name)
	return nil
}

func (r *reconciler) notCreated(set *apps.StatefulSet, pod *v1.Pod, err error) {
	r.Recorder.Eventf(set, v1.EventTypeWarning, "FailedCreate", "create Pod %s in StatefulSet %s failed error: %v", pod.Name, set.Name, err)
}

// createClaims creates the claims of a pod that are missing. A claim that is going away has to go first: the pod would
// lose it.
func (r *reconciler) createClaims(ctx context.Context, set *apps.StatefulSet, pod *v1.Pod, ordinal int) error {
	for i := range set.Spec.VolumeClaimTemplates {
		claim := newClaim(set, &set.Spec.VolumeClaimTemplates[i], ordinal)
		existing, err := r.claims.PersistentVolumeClaims(claim.Namespace).Get(claim.Name)
		if err == nil && leaving(existing, set, pod) {
			err = fmt.Errorf("pvc %s is being deleted", claim.Name)
			r.notCreated(set, pod, err)
			return err
		}
		if err == nil {
			continue
		}
		_, err = control.Create(ctx, r.Client.CoreV1().PersistentVolumeClaims(claim.Namespace), claim)
		switch {
		case err == nil:
			r.Recorder.Eventf(set, v1.EventTypeNormal, "SuccessfulCreate", "create Claim %s Pod %s in StatefulSet %s success", claim.Name, pod.Name, set.Name)
		case !apierrors.IsAlreadyExists(err):
			r.Recorder.Eventf(set, v1.EventTypeWarning, "FailedCreate", "create Claim %s for Pod %s in StatefulSet %s failed error: %v", claim.Name, pod.Name, set.Name, errors.Unwrap(err))
			return err
		}
	}
	return nil
}

// deletePod deletes a pod, with an event that says why when it had ended.
func (r *reconciler) deletePod(ctx context.Context, set *apps.StatefulSet, a deletePod) error {
	if a.ended {
		reason := "RecreatingFailedPod"
		if a.pod.Status.Phase == v1.PodSucceeded {
			reason = "RecreatingTerminatedPod"
		}
		r.Recorder.Eventf(set, v1.EventTypeWarning, reason, "StatefulSet %s/%s is recreating %s Pod %s", set.Namespace, set.Name, a.pod.Status.Phase, a.pod.Name)
	}
	if err := control.Delete(ctx, r.Client.CoreV1().Pods(a.pod.Namespace), a.pod, metav1.DeleteOptions{}); err != nil {
		r.Recorder.Eventf(set, v1.EventTypeWarning, "FailedDelete", "delete Pod %s in StatefulSet %s failed error: %v", a.pod.Name, set.Name, errors.Unwrap(err))
		return err
	}
	r.Recorder.Eventf(set, v1.EventTypeNormal, "SuccessfulDelete", "delete Pod %s in StatefulSet %s successful", a.pod.Name, set.Name)
	return nil
}

// keepClaims gives claims the owners that the retention policy asks for, and pods that wait for a claim which somebody has
// deleted a new one.
func (r *reconciler) keepClaims(ctx context.Context, o observed) error {
	var failed []error
	for _, pod := range o.pods {
		ordinal, _ := ordinalOf(o.set, pod)
		if pod.DeletionTimestamp == nil && pod.Status.Phase == v1.PodPending && o.wants(ordinal) {
			failed = append(failed, r.createClaims(ctx, o.set, pod, ordinal))
		}
		if o.set.Spec.PersistentVolumeClaimRetentionPolicy == nil {
			continue
		}
		for i := range o.set.Spec.VolumeClaimTemplates {
			claim, err := r.claims.PersistentVolumeClaims(o.set.Namespace).Get(claimName(o.set, &o.set.Spec.VolumeClaimTemplates[i], ordinal))
			if err != nil {
				continue // not there yet, or deleted by its user
			}
			owners, changed := claimOwners(o.set, claim, pod, !o.wants(ordinal))
			if !changed {
				continue
			}
			claim = claim.DeepCopy()
			claim.OwnerReferences = owners
			_, err = control.Update(ctx, r.Client.CoreV1().PersistentVolumeClaims(claim.Namespace), claim)
			failed = append(failed, err)
		}
	}
	return errors.Join(failed...)
}

// forget deletes revisions of the past that neither pods nor the status have.
func (r *reconciler) forget(ctx context.Context, o observed, existing []*apps.ControllerRevision) error {
	limit := history
	if o.set.Spec.RevisionHistoryLimit != nil {
		limit = int(*o.set.Spec.RevisionHistoryLimit)
	}
	live := map[string]bool{o.current: true, o.update: true}
	for _, pod := range o.pods {
		live[pod.Labels[revisions.HashLabel]] = true
	}
	var failed []error
	for _, one := range revisions.Forgotten(existing, limit, func(c *apps.ControllerRevision) bool { return live[c.Name] }) {
		failed = append(failed, control.Delete(ctx, r.Client.AppsV1().ControllerRevisions(one.Namespace), one, metav1.DeleteOptions{}))
	}
	return errors.Join(failed...)
}

func (r *reconciler) writeStatus(ctx context.Context, set *apps.StatefulSet, status apps.StatefulSetStatus) error {
	if equality.Semantic.DeepEqual(status, set.Status) {
		return nil
	}
	set = set.DeepCopy()
	set.Status = status
	_, err := control.UpdateStatus(ctx, r.Client.AppsV1().StatefulSets(set.Namespace), set)
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}
