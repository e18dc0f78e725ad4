package statefulset

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	apps "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
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
	control.Workload[apps.StatefulSet, *apps.StatefulSet]
	pods      cache.SharedIndexInformer
	revisions cache.SharedIndexInformer
	claims    corelisters.PersistentVolumeClaimLister
}

// New makes the controller of StatefulSets.
func New(d control.Dependencies) (control.Controller, error) {
	group, core := d.Informers.Apps().V1(), d.Informers.Core().V1()
	r := &reconciler{
		Workload: control.Workload[apps.StatefulSet, *apps.StatefulSet]{
			Dependencies: d, Kind: kind(), Owners: group.StatefulSets().Informer(),
			Selector: func(set *apps.StatefulSet) (labels.Selector, error) {
				return metav1.LabelSelectorAsSelector(set.Spec.Selector)
			},
			Live: func(ctx context.Context, namespace, name string) (*apps.StatefulSet, error) {
				return d.Client.AppsV1().StatefulSets(namespace).Get(ctx, name, metav1.GetOptions{})
			},
		},
		pods:      core.Pods().Informer(),
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
			r.WatchOwners(), control.WatchChildren[v1.Pod](&r.Workload, r.pods), control.WatchChildren[apps.ControllerRevision](&r.Workload, r.revisions),
			control.Watch(core.PersistentVolumeClaims().Informer(), r.claimChanged),
		},
		Writes: []control.Written{
			control.Shows[v1.Pod](r.pods), control.Shows[apps.ControllerRevision](r.revisions),
			control.Shows[apps.StatefulSet](r.Owners), control.Shows[v1.PersistentVolumeClaim](core.PersistentVolumeClaims().Informer()),
		},
	}), nil
}

// claimChanged wakes the sets whose pods a claim that has gone was for: it may have to be made again.
func (r *reconciler) claimChanged(old, now *v1.PersistentVolumeClaim) []control.Key {
	if now != nil {
		return nil
	}
	var keys []control.Key
	for _, set := range r.In(old.Namespace) {
		if hasClaim(set, old.Name) {
			keys = append(keys, control.KeyOf(set.Namespace, set.Name))
		}
	}
	return keys
}

// Reconcile implements reconcile.Reconciler.
func (r *reconciler) Reconcile(ctx context.Context, key control.Key) (control.Result, error) {
	set := r.Get(key)
	if set == nil || set.DeletionTimestamp != nil {
		return control.Result{}, nil
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
	out := plan(o)
	// A claim has its owners before its pod is deleted: afterwards nobody would know that it has to go with it.
	unkept := r.keepClaims(ctx, o)
	if unkept != nil {
		out.condemned = nil
	}
	failure := errors.Join(unkept, r.act(ctx, o, current, newest, out))
	status, later := o.status(set.Status.CollisionCount)
	return control.Result{RequeueAfter: control.Sooner(out.after, later)}, errors.Join(failure, r.writeStatus(ctx, set, status), r.forget(ctx, o, existing))
}

// observe gathers the set's pods and revisions, after adopting and releasing.
func (r *reconciler) observe(ctx context.Context, set *apps.StatefulSet) (observed, []*apps.ControllerRevision, error) {
	children, err := control.Children(ctx, &r.Workload, set, control.Claim[v1.Pod]{
		Informer: r.pods, Client: r.Client.CoreV1().Pods(set.Namespace),
		May: func(pod *v1.Pod) bool { _, ok := ordinalOf(set, pod); return ok },
	})
	if err != nil {
		return observed{}, nil, err
	}
	existing, err := control.Children(ctx, &r.Workload, set, control.Claim[apps.ControllerRevision]{
		Informer: r.revisions, Client: r.Client.AppsV1().ControllerRevisions(set.Namespace),
	})
	return observed{set: set, pods: children, now: time.Now()}, existing, err
}

// act does what the plan asks for: with order there is one thing at a time, else creations start with a few.
func (r *reconciler) act(ctx context.Context, o observed, current, newest *apps.ControllerRevision, out outcome) error {
	var failed []error
	for _, one := range out.mend {
		pod := one.pod.DeepCopy()
		identify(o.set, pod, one.ordinal)
		pod.Spec = one.pod.Spec // volumes cannot change
		_, err := control.Update(ctx, r.Client.CoreV1().Pods(pod.Namespace), pod)
		failed = append(failed, err)
	}
	for _, pod := range out.remove {
		if reason, ended := map[v1.PodPhase]string{v1.PodFailed: "RecreatingFailedPod", v1.PodSucceeded: "RecreatingTerminatedPod"}[pod.Status.Phase]; ended {
			r.Recorder.Eventf(o.set, v1.EventTypeWarning, reason, "StatefulSet %s/%s is recreating %s Pod %s", o.set.Namespace, o.set.Name, pod.Status.Phase, pod.Name)
		}
		failed = append(failed, r.deletePod(ctx, o.set, pod))
	}
	for _, pod := range out.condemned {
		failed = append(failed, r.deletePod(ctx, o.set, pod))
	}
	_, err := control.SlowStart(ctx, len(out.create), func(ctx context.Context, i int) error {
		revision := newest
		if out.create[i].revision == current.Name {
			revision = current
		}
		return r.createPod(ctx, o.set, revision, out.create[i].ordinal)
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
	pod := podFor(restored, revision.Name, ordinal)
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

// deletePod deletes a pod and tells of it.
func (r *reconciler) deletePod(ctx context.Context, set *apps.StatefulSet, pod *v1.Pod) error {
	if err := control.Delete(ctx, r.Client.CoreV1().Pods(pod.Namespace), pod, metav1.DeleteOptions{}); err != nil {
		r.Recorder.Eventf(set, v1.EventTypeWarning, "FailedDelete", "delete Pod %s in StatefulSet %s failed error: %v", pod.Name, set.Name, errors.Unwrap(err))
		return err
	}
	r.Recorder.Eventf(set, v1.EventTypeNormal, "SuccessfulDelete", "delete Pod %s in StatefulSet %s successful", pod.Name, set.Name)
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
	changed := set.DeepCopy()
	changed.Status = status
	return control.WriteStatus(ctx, r.Client.AppsV1().StatefulSets(set.Namespace), changed, set.Status, status)
}
