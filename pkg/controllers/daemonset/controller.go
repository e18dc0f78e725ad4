package daemonset

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
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/flowcontrol"
	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/proa-sh/proa/pkg/controllers/control"
	"github.com/proa-sh/proa/pkg/controllers/control/revisions"
)

func kind() schema.GroupVersionKind { return apps.SchemeGroupVersion.WithKind("DaemonSet") }

const (
	// firstPause and longestPause bound how soon failed pods of a node are replaced.
	firstPause   = time.Second
	longestPause = 15 * time.Minute
	// history is how many revisions are kept when the set does not say.
	history = 10
)

type reconciler struct {
	control.Dependencies
	sets      appslisters.DaemonSetLister
	nodes     corelisters.NodeLister
	pods      cache.SharedIndexInformer
	revisions cache.SharedIndexInformer
	failures  *flowcontrol.Backoff
}

// New makes the controller of DaemonSets.
func New(d control.Dependencies) (control.Controller, error) {
	group, core := d.Informers.Apps().V1(), d.Informers.Core().V1()
	r := &reconciler{
		Dependencies: d, sets: group.DaemonSets().Lister(), nodes: core.Nodes().Lister(),
		pods: core.Pods().Informer(), revisions: group.ControllerRevisions().Informer(),
		failures: flowcontrol.NewBackOffWithJitter(firstPause, longestPause, 0),
	}
	for _, informer := range []cache.SharedIndexInformer{r.pods, r.revisions} {
		if err := control.IndexByController(informer); err != nil {
			return nil, err
		}
	}
	return control.NewLoop(control.Spec{
		Name: d.Name, Workers: d.Workers, Reconcile: r.Reconcile,
		Watches: []source.Source{
			control.Watch(group.DaemonSets().Informer(), func(old, now *apps.DaemonSet) []control.Key {
				set := control.Latest(old, now)
				return []control.Key{control.KeyOf(set.Namespace, set.Name)}
			}),
			control.Watch(r.pods, func(old, now *v1.Pod) []control.Key { return control.OwnersOf(kind().Kind, old, now, r.adopters) }),
			control.Watch(r.revisions, func(old, now *apps.ControllerRevision) []control.Key {
				return control.OwnersOf(kind().Kind, old, now, r.adopters)
			}),
			control.Watch(core.Nodes().Informer(), r.nodeChanged),
		},
		Writes: []control.Written{
			control.Shows[v1.Pod](r.pods), control.Shows[apps.ControllerRevision](r.revisions), control.Shows[apps.DaemonSet](group.DaemonSets().Informer()),
		},
	}), nil
}

// adopters are the sets that could adopt an object.
func (r *reconciler) adopters(obj metav1.Object) []control.Key {
	all, err := r.sets.DaemonSets(obj.GetNamespace()).List(labels.Everything())
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

// nodeChanged wakes the sets that a node is meant for, or was.
func (r *reconciler) nodeChanged(old, now *v1.Node) []control.Key {
	if old != nil && now != nil && sameForSets(old, now) {
		return nil
	}
	all, err := r.sets.List(labels.Everything())
	if err != nil {
		return nil // a lister over a cache does not fail
	}
	var keys []control.Key
	for _, set := range all {
		for _, node := range []*v1.Node{old, now} {
			if node == nil {
				continue
			}
			if _, may := meant(set, node); may {
				keys = append(keys, control.KeyOf(set.Namespace, set.Name))
				break
			}
		}
	}
	return keys
}

// sameForSets says whether a node's change matters to no set; most changes of nodes are heartbeats.
func sameForSets(old, now *v1.Node) bool {
	return equality.Semantic.DeepEqual(old.Labels, now.Labels) && equality.Semantic.DeepEqual(old.Spec.Taints, now.Spec.Taints)
}

// Reconcile implements reconcile.Reconciler.
func (r *reconciler) Reconcile(ctx context.Context, key control.Key) (control.Result, error) {
	set, err := r.sets.DaemonSets(key.Namespace).Get(key.Name)
	if apierrors.IsNotFound(err) {
		return control.Result{}, nil
	}
	if err != nil {
		return control.Result{}, fmt.Errorf("read daemon set: %w", err)
	}
	if set.DeletionTimestamp != nil {
		return control.Result{}, nil
	}
	o, history, err := r.observe(ctx, set)
	if err != nil {
		return control.Result{}, err
	}
	newest, collisions, err := revisions.Sync(ctx, r.Client, ownerOf(set), history)
	switch {
	case control.IsNamespaceEnding(err):
		return control.Result{}, nil
	case err != nil:
		return control.Result{}, err
	case newest == nil:
		return control.Result{}, r.writeStatus(ctx, set, withCollisions(set.Status, collisions))
	}
	o.hash = newest.Labels[revisions.HashLabel]
	actions, after := plan(o)
	failure := r.act(ctx, o, actions)
	status, later := o.status(set.Status.CollisionCount)
	if later > 0 && (after == 0 || later < after) {
		after = later
	}
	return control.Result{RequeueAfter: after}, errors.Join(failure, r.forget(ctx, o, history, newest), r.writeStatus(ctx, set, status))
}

func withCollisions(status apps.DaemonSetStatus, collisions *int32) apps.DaemonSetStatus {
	status.CollisionCount = collisions
	return status
}

func ownerOf(set *apps.DaemonSet) revisions.Owner {
	return revisions.Owner{
		Object: set, Kind: kind(), Template: &set.Spec.Template, Labels: set.Spec.Template.Labels, Collisions: set.Status.CollisionCount,
	}
}

// observe gathers the set's pods and revisions, after adopting and releasing.
func (r *reconciler) observe(ctx context.Context, set *apps.DaemonSet) (observed, []*apps.ControllerRevision, error) {
	selector, err := metav1.LabelSelectorAsSelector(set.Spec.Selector)
	if err == nil && selector.Empty() {
		r.Recorder.Event(set, v1.EventTypeWarning, "SelectingAll", "This daemon set is selecting all pods. A non-empty selector is required.")
		err = errors.New("it is empty")
	}
	if err != nil {
		return observed{}, nil, reconcile.TerminalError(fmt.Errorf("read selector of daemon set: %w", err))
	}
	live := func(ctx context.Context) (metav1.Object, error) {
		return r.Client.AppsV1().DaemonSets(set.Namespace).Get(ctx, set.Name, metav1.GetOptions{})
	}
	children, err := control.Claim[v1.Pod]{
		Owner: set, Kind: kind(), Selector: selector, Informer: r.pods, Live: live,
		Patch: func(ctx context.Context, pod *v1.Pod, kind types.PatchType, patch []byte) (*v1.Pod, error) {
			return control.Patch(ctx, r.Client.CoreV1().Pods(pod.Namespace), pod, kind, patch)
		},
	}.Children(ctx)
	if err != nil {
		return observed{}, nil, err
	}
	history, err := control.Claim[apps.ControllerRevision]{
		Owner: set, Kind: kind(), Selector: selector, Informer: r.revisions, Live: live,
		Patch: func(ctx context.Context, one *apps.ControllerRevision, kind types.PatchType, patch []byte) (*apps.ControllerRevision, error) {
			return control.Patch(ctx, r.Client.AppsV1().ControllerRevisions(one.Namespace), one, kind, patch)
		},
	}.Children(ctx)
	if err != nil {
		return observed{}, nil, err
	}
	nodes, err := r.nodes.List(labels.Everything())
	if err != nil {
		return observed{}, nil, fmt.Errorf("list nodes: %w", err)
	}
	o := observed{set: set, nodes: nodes, pods: children, now: time.Now()}
	o.mayReplace = func(node string) time.Duration { return r.pause(set, node, o.now) }
	return o, history, nil
}

// pause is how long failed pods of a node must stay; each replacement makes the next pause longer.
func (r *reconciler) pause(set *apps.DaemonSet, node string, now time.Time) time.Duration {
	id := fmt.Sprintf("%s/%d/%s", set.UID, set.Status.ObservedGeneration, node)
	if r.failures.IsInBackOffSinceUpdate(id, now) {
		return r.failures.Get(id)
	}
	r.failures.Next(id, now)
	r.failures.GC()
	return 0
}

// act does the actions: deletions first, then creations, a few first.
func (r *reconciler) act(ctx context.Context, o observed, actions []action) error {
	var creations []createPod
	var deletions []deletePod
	for _, a := range actions {
		switch a := a.(type) {
		case createPod:
			creations = append(creations, a)
		case deletePod:
			deletions = append(deletions, a)
		}
	}
	failure := control.All(ctx, len(deletions), func(ctx context.Context, i int) error { return r.deletePod(ctx, o.set, deletions[i]) })
	_, err := control.SlowStart(ctx, len(creations), func(ctx context.Context, i int) error { return r.createPod(ctx, o, creations[i].node) })
	if control.IsNamespaceEnding(err) {
		err = nil // the set goes as well
	}
	return errors.Join(failure, err)
}

func (r *reconciler) createPod(ctx context.Context, o observed, node string) error {
	pod := control.PodFromTemplate(&o.set.Spec.Template, o.set, kind())
	if pod.Labels == nil {
		pod.Labels = map[string]string{}
	}
	pod.Labels[revisions.HashLabel] = o.hash
	if generation := o.set.Annotations[apps.DeprecatedTemplateGeneration]; generation != "" {
		pod.Labels["pod-template-generation"] = generation
	}
	pod.Spec.Tolerations = withTolerations(pod.Spec)
	pod.Spec.Affinity = bindTo(pod.Spec.Affinity, node)
	created, err := control.Create(ctx, r.Client.CoreV1().Pods(pod.Namespace), pod)
	if err != nil {
		if !control.IsNamespaceEnding(err) {
			r.Recorder.Eventf(o.set, v1.EventTypeWarning, "FailedCreate", "Error creating: %v", errors.Unwrap(err))
		}
		return err
	}
	klog.FromContext(ctx).V(4).Info("Created pod", "pod", klog.KObj(created), "node", node)
	r.Recorder.Eventf(o.set, v1.EventTypeNormal, "SuccessfulCreate", "Created pod: %v", created.Name)
	return nil
}

func (r *reconciler) deletePod(ctx context.Context, set *apps.DaemonSet, a deletePod) error {
	switch {
	case a.failed:
		r.Recorder.Eventf(set, v1.EventTypeWarning, "FailedDaemonPod", "Found failed daemon pod %s/%s on node %s, will try to kill it", a.pod.Namespace, a.pod.Name, nodeOf(a.pod))
	case a.succeeded:
		r.Recorder.Eventf(set, v1.EventTypeNormal, "SucceededDaemonPod", "Found succeeded daemon pod %s/%s on node %s, will try to delete it", a.pod.Namespace, a.pod.Name, nodeOf(a.pod))
	}
	if err := control.Delete(ctx, r.Client.CoreV1().Pods(a.pod.Namespace), a.pod, metav1.DeleteOptions{}); err != nil {
		r.Recorder.Eventf(set, v1.EventTypeWarning, "FailedDelete", "Error deleting: %v", errors.Unwrap(err))
		return err
	}
	r.Recorder.Eventf(set, v1.EventTypeNormal, "SuccessfulDelete", "Deleted pod: %v", a.pod.Name)
	return nil
}

// forget deletes revisions of the past that no pod has.
func (r *reconciler) forget(ctx context.Context, o observed, existing []*apps.ControllerRevision, newest *apps.ControllerRevision) error {
	limit := history
	if o.set.Spec.RevisionHistoryLimit != nil {
		limit = int(*o.set.Spec.RevisionHistoryLimit)
	}
	live := map[string]bool{newest.Labels[revisions.HashLabel]: true}
	for _, pod := range o.pods {
		live[pod.Labels[revisions.HashLabel]] = true
	}
	var failed []error
	for _, one := range revisions.Forgotten(existing, limit, func(c *apps.ControllerRevision) bool {
		return c.Name == newest.Name || live[c.Labels[revisions.HashLabel]]
	}) {
		failed = append(failed, control.Delete(ctx, r.Client.AppsV1().ControllerRevisions(one.Namespace), one, metav1.DeleteOptions{}))
	}
	return errors.Join(failed...)
}

func (r *reconciler) writeStatus(ctx context.Context, set *apps.DaemonSet, status apps.DaemonSetStatus) error {
	if equality.Semantic.DeepEqual(status, set.Status) {
		return nil
	}
	set = set.DeepCopy()
	set.Status = status
	_, err := control.UpdateStatus(ctx, r.Client.AppsV1().DaemonSets(set.Namespace), set)
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}
