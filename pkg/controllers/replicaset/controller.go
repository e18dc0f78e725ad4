package replicaset

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
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/proa-sh/proa/pkg/controllers/control"
	"github.com/proa-sh/proa/pkg/pods"
)

// flavour is what differs between ReplicaSets and ReplicationControllers.
type flavour struct {
	kind schema.GroupVersionKind
	sets cache.SharedIndexInformer
	// countEnding says whether the status has a number of terminating pods.
	countEnding bool
	// watch wakes a set when it changes.
	watch source.Source
	// writes shows the status writes.
	writes control.Written
	// cached returns a set in the form of a ReplicaSet, and the object itself for events.
	cached func(control.Key) (*apps.ReplicaSet, runtime.Object, error)
	// live reads the set from the server.
	live func(ctx context.Context, namespace, name string) (metav1.Object, error)
	// updateStatus writes the status of a set.
	updateStatus func(ctx context.Context, set *apps.ReplicaSet, status apps.ReplicaSetStatus) error
}

// reconciler brings one set's pods to the wanted number.
type reconciler struct {
	control.Dependencies
	flavour
	pods cache.SharedIndexInformer
}

// New makes the controller of ReplicaSets.
func New(d control.Dependencies) (control.Controller, error) {
	return build(d, replicaSets(d))
}

// NewForReplicationControllers makes the controller of ReplicationControllers.
func NewForReplicationControllers(d control.Dependencies) (control.Controller, error) {
	return build(d, replicationControllers(d))
}

func build(d control.Dependencies, f flavour) (control.Controller, error) {
	r := &reconciler{Dependencies: d, flavour: f, pods: d.Informers.Core().V1().Pods().Informer()}
	for _, informer := range []cache.SharedIndexInformer{r.pods, f.sets} {
		if err := control.IndexByController(informer); err != nil {
			return nil, err
		}
	}
	return control.NewLoop(control.Spec{
		Name: d.Name, Workers: d.Workers, Reconcile: r.Reconcile,
		Watches: []source.Source{f.watch, control.Watch(r.pods, r.podChanged)},
		Writes:  []control.Written{control.Shows[v1.Pod](r.pods), f.writes},
	}), nil
}

// podChanged wakes the sets that had and have the pod, or could adopt it.
func (r *reconciler) podChanged(old, now *v1.Pod) []control.Key {
	var keys []control.Key
	for _, pod := range []*v1.Pod{old, now} {
		if pod == nil {
			continue
		}
		if ref := metav1.GetControllerOfNoCopy(pod); ref != nil && ref.Kind == r.kind.Kind {
			keys = append(keys, control.KeyOf(pod.Namespace, ref.Name))
		}
	}
	if now != nil && metav1.GetControllerOfNoCopy(now) == nil {
		keys = append(keys, r.adopters(now)...)
	}
	return keys
}

// adopters are the sets whose selector matches a pod without controller.
func (r *reconciler) adopters(pod *v1.Pod) []control.Key {
	var keys []control.Key
	items, err := r.sets.GetIndexer().ByIndex(cache.NamespaceIndex, pod.Namespace)
	if err != nil {
		return nil // every namespaced informer of client-go has this index
	}
	for _, item := range items {
		obj, ok := item.(metav1.Object)
		if !ok {
			continue
		}
		key := control.KeyOf(obj.GetNamespace(), obj.GetName())
		set, _, err := r.cached(key)
		if err != nil {
			continue // gone in between
		}
		if selector, err := metav1.LabelSelectorAsSelector(set.Spec.Selector); err == nil && !selector.Empty() && selector.Matches(labelsOf(pod)) {
			keys = append(keys, key)
		}
	}
	return keys
}

// Reconcile implements reconcile.Reconciler.
func (r *reconciler) Reconcile(ctx context.Context, key control.Key) (control.Result, error) {
	set, object, err := r.cached(key)
	if apierrors.IsNotFound(err) {
		return control.Result{}, nil
	}
	if err != nil {
		return control.Result{}, err
	}
	o, err := r.observe(ctx, set)
	if err != nil {
		return control.Result{}, err
	}
	actions := plan(o)
	failure := r.act(ctx, o, object, actions)
	now, after := status(o, actions, failure)
	if !equality.Semantic.DeepEqual(now, set.Status) {
		if err := r.updateStatus(ctx, set, now); err != nil && !apierrors.IsNotFound(err) {
			return control.Result{}, errors.Join(failure, err)
		}
	}
	return control.Result{RequeueAfter: after}, failure
}

// observe gathers the set's pods, after adopting and releasing.
func (r *reconciler) observe(ctx context.Context, set *apps.ReplicaSet) (observed, error) {
	selector, err := metav1.LabelSelectorAsSelector(set.Spec.Selector)
	if err != nil {
		// Without a selector nothing is known of the set's pods, so nothing is done until it changes.
		return observed{}, reconcile.TerminalError(fmt.Errorf("read selector of %s %q: %w", r.kind.Kind, klog.KObj(set), err))
	}
	children, err := control.Claim[v1.Pod]{
		Owner: set, Kind: r.kind, Selector: selector, Informer: r.pods, May: pods.IsActive,
		Live: func(ctx context.Context) (metav1.Object, error) { return r.live(ctx, set.Namespace, set.Name) },
		Patch: func(ctx context.Context, pod *v1.Pod, kind types.PatchType, patch []byte) (*v1.Pod, error) {
			return control.Patch(ctx, r.Client.CoreV1().Pods(pod.Namespace), pod, kind, patch)
		},
	}.Children(ctx)
	if err != nil {
		return observed{}, err
	}
	neighbours, err := r.neighbours(set, children)
	return observed{set: set, pods: children, neighbours: neighbours, countEnding: r.countEnding, now: time.Now()}, err
}

// neighbours counts the active pods per node of all sets that have the same controller as set.
func (r *reconciler) neighbours(set *apps.ReplicaSet, own []*v1.Pod) (map[string]int, error) {
	if len(own) <= int(replicas(set)) {
		return nil, nil // nothing will be deleted
	}
	related := own
	if parent := metav1.GetControllerOfNoCopy(set); parent != nil {
		siblings, err := control.ControlledBy[apps.ReplicaSet](r.sets, &metav1.ObjectMeta{UID: parent.UID})
		if err != nil {
			return nil, err
		}
		for _, sibling := range siblings {
			if sibling.UID == set.UID {
				continue
			}
			theirs, err := control.ControlledBy[v1.Pod](r.pods, sibling)
			if err != nil {
				return nil, err
			}
			related = append(related[:len(related):len(related)], theirs...)
		}
	}
	count := map[string]int{}
	for _, pod := range related {
		if pods.IsActive(pod) {
			count[pod.Spec.NodeName]++
		}
	}
	return count, nil
}

// act does the actions.
func (r *reconciler) act(ctx context.Context, o observed, object runtime.Object, actions []action) error {
	for _, a := range actions {
		var err error
		switch a := a.(type) {
		case createPods:
			_, err = control.SlowStart(ctx, a.count, func(ctx context.Context, _ int) error { return r.createPod(ctx, o.set, object) })
			if control.IsNamespaceEnding(err) {
				err = nil // the set goes as well
			}
		case deletePods:
			err = control.All(ctx, len(a.pods), func(ctx context.Context, i int) error { return r.deletePod(ctx, object, a.pods[i]) })
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *reconciler) createPod(ctx context.Context, set *apps.ReplicaSet, object runtime.Object) error {
	pod, err := control.Create(ctx, r.Client.CoreV1().Pods(set.Namespace), control.PodFromTemplate(&set.Spec.Template, set, r.kind))
	if err != nil {
		if !control.IsNamespaceEnding(err) {
			r.Recorder.Eventf(object, v1.EventTypeWarning, "FailedCreate", "Error creating: %v", errors.Unwrap(err))
		}
		return err
	}
	klog.FromContext(ctx).V(4).Info("Created pod", "pod", klog.KObj(pod))
	r.Recorder.Eventf(object, v1.EventTypeNormal, "SuccessfulCreate", "Created pod: %v", pod.Name)
	return nil
}

func (r *reconciler) deletePod(ctx context.Context, object runtime.Object, pod *v1.Pod) error {
	if err := control.Delete(ctx, r.Client.CoreV1().Pods(pod.Namespace), pod, metav1.DeleteOptions{}); err != nil {
		r.Recorder.Eventf(object, v1.EventTypeWarning, "FailedDelete", "Error deleting: %v", errors.Unwrap(err))
		return err
	}
	klog.FromContext(ctx).V(4).Info("Deleted pod", "pod", klog.KObj(pod))
	r.Recorder.Eventf(object, v1.EventTypeNormal, "SuccessfulDelete", "Deleted pod: %v", pod.Name)
	return nil
}
