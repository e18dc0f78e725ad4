package daemonset

import (
	"context"
	"errors"
	"fmt"
	"time"

	apps "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/flowcontrol"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/proa-sh/proa/pkg/controllers/control"
	"github.com/proa-sh/proa/pkg/controllers/control/revisions"
)

const (
	// firstPause and longestPause bound how soon failed pods of a node are replaced.
	firstPause   = time.Second
	longestPause = 15 * time.Minute
	// history is how many revisions are kept when the set does not say.
	history = 10
)

type reconciler struct {
	control.Workload[apps.DaemonSet, *apps.DaemonSet]
	nodes     corelisters.NodeLister
	pods      cache.SharedIndexInformer
	revisions cache.SharedIndexInformer
	failures  *flowcontrol.Backoff
}

// New makes the controller of DaemonSets.
func New(d control.Dependencies) (control.Controller, error) {
	group, core := d.Informers.Apps().V1(), d.Informers.Core().V1()
	r := &reconciler{
		Workload: control.Workload[apps.DaemonSet, *apps.DaemonSet]{
			Dependencies: d, Kind: apps.SchemeGroupVersion.WithKind("DaemonSet"), Owners: group.DaemonSets().Informer(),
			Selector: func(set *apps.DaemonSet) (labels.Selector, error) {
				return metav1.LabelSelectorAsSelector(set.Spec.Selector)
			},
			Live: func(ctx context.Context, namespace, name string) (*apps.DaemonSet, error) {
				return d.Client.AppsV1().DaemonSets(namespace).Get(ctx, name, metav1.GetOptions{})
			},
		},
		nodes: core.Nodes().Lister(),
		pods:  core.Pods().Informer(), revisions: group.ControllerRevisions().Informer(),
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
			r.WatchOwners(), control.WatchChildren[v1.Pod](&r.Workload, r.pods), control.WatchChildren[apps.ControllerRevision](&r.Workload, r.revisions),
			control.Watch(core.Nodes().Informer(), r.nodeChanged),
		},
		Writes: []control.Written{
			control.Shows[v1.Pod](r.pods), control.Shows[apps.ControllerRevision](r.revisions), control.Shows[apps.DaemonSet](r.Owners),
		},
	}), nil
}

// nodeChanged wakes the sets that a node is meant for, or was.
func (r *reconciler) nodeChanged(old, now *v1.Node) []control.Key {
	if old != nil && now != nil && sameForSets(old, now) {
		return nil
	}
	var keys []control.Key
	for _, item := range r.Owners.GetStore().List() {
		set, ok := item.(*apps.DaemonSet)
		if !ok {
			continue
		}
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
	set := r.Get(key)
	if set == nil || set.DeletionTimestamp != nil {
		return control.Result{}, nil
	}
	o, history, err := r.observe(ctx, set)
	if err != nil {
		return control.Result{}, err
	}
	newest, collisions, err := revisions.Sync(ctx, r.Client, r.ownerOf(set), history)
	switch {
	case control.IsNamespaceEnding(err):
		return control.Result{}, nil
	case err != nil:
		return control.Result{}, err
	case newest == nil:
		return control.Result{}, r.writeStatus(ctx, set, withCollisions(set.Status, collisions))
	}
	o.hash = newest.Labels[revisions.HashLabel]
	out := plan(o)
	failure := r.act(ctx, o, out)
	status, later := o.status(set.Status.CollisionCount)
	after := control.Sooner(out.after, later)
	return control.Result{RequeueAfter: after}, errors.Join(failure, r.forget(ctx, o, history, newest), r.writeStatus(ctx, set, status))
}

func withCollisions(status apps.DaemonSetStatus, collisions *int32) apps.DaemonSetStatus {
	status.CollisionCount = collisions
	return status
}

func (r *reconciler) ownerOf(set *apps.DaemonSet) revisions.Owner {
	return revisions.Owner{
		Object: set, Kind: r.Kind, Template: &set.Spec.Template, Labels: set.Spec.Template.Labels, Collisions: set.Status.CollisionCount,
	}
}

// observe gathers the set's pods and revisions, after adopting and releasing.
func (r *reconciler) observe(ctx context.Context, set *apps.DaemonSet) (observed, []*apps.ControllerRevision, error) {
	if selector, err := r.Selector(set); err == nil && selector.Empty() {
		r.Recorder.Event(set, v1.EventTypeWarning, "SelectingAll", "This daemon set is selecting all pods. A non-empty selector is required.")
	}
	children, err := control.Children(ctx, &r.Workload, set, control.Claim[v1.Pod]{Informer: r.pods, Client: r.Client.CoreV1().Pods(set.Namespace)})
	if err != nil {
		return observed{}, nil, err
	}
	history, err := control.Children(ctx, &r.Workload, set, control.Claim[apps.ControllerRevision]{
		Informer: r.revisions, Client: r.Client.AppsV1().ControllerRevisions(set.Namespace),
	})
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

// act does what the plan asks for: deletions first, then creations, a few first.
func (r *reconciler) act(ctx context.Context, o observed, out outcome) error {
	failure := control.All(ctx, len(out.remove), func(ctx context.Context, i int) error { return r.deletePod(ctx, o.set, out.remove[i]) })
	_, err := control.SlowStart(ctx, len(out.create), func(ctx context.Context, i int) error {
		return r.CreatePod(ctx, o.set, r.podFor(o, out.create[i]))
	})
	if control.IsNamespaceEnding(err) {
		err = nil // the set goes as well
	}
	return errors.Join(failure, err)
}

// podFor makes the set's pod for a node.
func (r *reconciler) podFor(o observed, node string) *v1.Pod {
	pod := control.PodFromTemplate(&o.set.Spec.Template, o.set, r.Kind)
	if pod.Labels == nil {
		pod.Labels = map[string]string{}
	}
	pod.Labels[revisions.HashLabel] = o.hash
	if generation := o.set.Annotations[apps.DeprecatedTemplateGeneration]; generation != "" {
		pod.Labels["pod-template-generation"] = generation
	}
	pod.Spec.Tolerations = withTolerations(pod.Spec)
	pod.Spec.Affinity = bindTo(pod.Spec.Affinity, node)
	return pod
}

// deletePod deletes a pod, with an event that says why when it had ended.
func (r *reconciler) deletePod(ctx context.Context, set *apps.DaemonSet, pod *v1.Pod) error {
	switch pod.Status.Phase {
	case v1.PodFailed:
		r.Recorder.Eventf(set, v1.EventTypeWarning, "FailedDaemonPod", "Found failed daemon pod %s/%s on node %s, will try to kill it", pod.Namespace, pod.Name, nodeOf(pod))
	case v1.PodSucceeded:
		r.Recorder.Eventf(set, v1.EventTypeNormal, "SucceededDaemonPod", "Found succeeded daemon pod %s/%s on node %s, will try to delete it", pod.Namespace, pod.Name, nodeOf(pod))
	}
	return r.DeletePod(ctx, set, pod)
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
	changed := set.DeepCopy()
	changed.Status = status
	return control.WriteStatus(ctx, r.Client.AppsV1().DaemonSets(set.Namespace), changed, set.Status, status)
}
