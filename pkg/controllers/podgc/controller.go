package podgc

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"time"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/proa-sh/proa/pkg/controllers/control"
	"github.com/proa-sh/proa/pkg/pods"
)

// thinning is the key under which ended pods are counted; no pod is cluster-wide.
const thinning = "ended-pods"

// thinningPause is how long ended pods may gather before they are counted again.
const thinningPause = 20 * time.Second

type reconciler struct {
	control.Dependencies
	most      int
	nodes     corelisters.NodeLister
	podLister corelisters.PodLister
	pods      cache.SharedIndexInformer
	trigger   *control.Trigger

	mu    sync.Mutex
	gone  map[string]time.Time // guarded by mu; nodes that pods name and that are not there, by when that was found; pruned when one is added
	ended int                  // guarded by mu; ended pods
}

// New makes the controller. most is how many ended pods may stay, 0 any number. Its keys are pods.
func New(d control.Dependencies, most int) (control.Controller, error) {
	r, err := newReconciler(d, most)
	if err != nil {
		return nil, err
	}
	return control.NewLoop(control.Spec{
		Name: d.Name, Workers: d.Workers, Reconcile: r.Reconcile,
		Watches: []source.Source{r.trigger, control.Watch(d.Informers.Core().V1().Nodes().Informer(), r.nodeChanged), control.Watch(r.pods, r.podChanged)},
		Writes:  []control.Written{control.Shows[v1.Pod](r.pods)},
	}), nil
}

func newReconciler(d control.Dependencies, most int) (*reconciler, error) {
	core := d.Informers.Core().V1()
	r := &reconciler{
		Dependencies: d, most: most, nodes: core.Nodes().Lister(), podLister: core.Pods().Lister(), pods: core.Pods().Informer(),
		trigger: &control.Trigger{}, gone: map[string]time.Time{},
	}
	return r, control.IndexPodsByNode(r.pods)
}

// nodeChanged wakes the pods of nodes that go or are declared out of service.
func (r *reconciler) nodeChanged(old, now *v1.Node) []control.Key {
	if now != nil {
		r.mu.Lock()
		delete(r.gone, now.Name)
		r.mu.Unlock()
		if !outOfService(now) || (old != nil && outOfService(old)) {
			return nil
		}
	}
	all, err := control.PodsOn(r.pods, control.Latest(old, now).Name)
	if err != nil {
		return nil // the index was added in New
	}
	var keys []control.Key
	for _, pod := range all {
		keys = append(keys, control.KeyOf(pod.Namespace, pod.Name))
	}
	return keys
}

// podChanged wakes pods that may be left alone, and counts ended ones.
func (r *reconciler) podChanged(old, now *v1.Pod) []control.Key {
	r.count(old, now)
	if now == nil || (old != nil && old.Spec.NodeName == now.Spec.NodeName && (old.DeletionTimestamp == nil) == (now.DeletionTimestamp == nil)) {
		return nil
	}
	return []control.Key{control.KeyOf(now.Namespace, now.Name)}
}

// count keeps the number of ended pods, and has them thinned out when there are too many.
func (r *reconciler) count(old, now *v1.Pod) {
	was, is := old != nil && pods.IsTerminal(old), now != nil && pods.IsTerminal(now)
	if was == is {
		return
	}
	r.mu.Lock()
	if is {
		r.ended++
	} else {
		r.ended--
	}
	many := r.most > 0 && r.ended > r.most
	r.mu.Unlock()
	if many {
		r.trigger.WakeAfter(control.KeyOf("", thinning), thinningPause)
	}
}

// Reconcile implements reconcile.Reconciler.
func (r *reconciler) Reconcile(ctx context.Context, key control.Key) (control.Result, error) {
	if key.Namespace == "" {
		return control.Result{}, r.thin(ctx)
	}
	pod, err := r.podLister.Pods(key.Namespace).Get(key.Name)
	if apierrors.IsNotFound(err) {
		return control.Result{}, nil
	}
	if err != nil {
		return control.Result{}, fmt.Errorf("read pod: %w", err)
	}
	node, since, err := r.nodeOf(pod)
	if err != nil {
		return control.Result{}, err
	}
	out := plan(pod, node, since, time.Now())
	if out.message == "" {
		return control.Result{RequeueAfter: out.after}, nil
	}
	if node == nil && pod.Spec.NodeName != "" {
		// The last word on whether a node exists is the server's.
		_, err := r.Client.CoreV1().Nodes().Get(ctx, pod.Spec.NodeName, metav1.GetOptions{})
		if err == nil {
			return control.Result{RequeueAfter: quarantine}, nil
		}
		if !apierrors.IsNotFound(err) {
			return control.Result{}, fmt.Errorf("look for node of pod: %w", err)
		}
	}
	return control.Result{}, r.remove(ctx, pod, out)
}

// nodeOf is the pod's node, or since when that has been gone.
func (r *reconciler) nodeOf(pod *v1.Pod) (node *v1.Node, since time.Time, err error) {
	if pod.Spec.NodeName == "" {
		return nil, time.Time{}, nil
	}
	node, err = r.nodes.Get(pod.Spec.NodeName)
	if err == nil {
		return node, time.Time{}, nil
	}
	if !apierrors.IsNotFound(err) {
		return nil, time.Time{}, fmt.Errorf("read node: %w", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	since, found := r.gone[pod.Spec.NodeName]
	if !found {
		since = time.Now()
		maps.DeleteFunc(r.gone, func(node string, _ time.Time) bool { return !r.named(node) })
		r.gone[pod.Spec.NodeName] = since
	}
	return nil, since, nil
}

// named says whether a pod names a node.
func (r *reconciler) named(node string) bool {
	all, err := control.PodsOn(r.pods, node)
	return err != nil || len(all) > 0 // the index was added in New
}

// remove deletes a pod without grace, after its status says what became of it.
func (r *reconciler) remove(ctx context.Context, pod *v1.Pod, why outcome) error {
	klog.FromContext(ctx).V(2).Info("Deleting pod", "pod", klog.KObj(pod), "reason", why.message)
	if why.disrupted && !pods.IsTerminal(pod) {
		patched, err := control.SetPodCondition(ctx, r.Client, pod, v1.PodCondition{
			Type: v1.DisruptionTarget, Status: v1.ConditionTrue, Reason: "DeletionByPodGC", Message: why.message,
			LastTransitionTime: metav1.Now(), ObservedGeneration: pod.Generation,
		}, v1.PodFailed)
		if apierrors.IsNotFound(err) {
			return nil
		}
		if err != nil {
			return err
		}
		pod = patched
	}
	none := int64(0)
	return control.Delete(ctx, r.Client.CoreV1().Pods(pod.Namespace), pod, metav1.DeleteOptions{GracePeriodSeconds: &none})
}

// thin deletes ended pods beyond the limit.
func (r *reconciler) thin(ctx context.Context) error {
	all, err := r.podLister.List(labels.Everything())
	if err != nil {
		return fmt.Errorf("list pods: %w", err)
	}
	excess := surplus(all, r.most)
	return control.All(ctx, len(excess), func(ctx context.Context, i int) error {
		return r.remove(ctx, excess[i], outcome{message: "PodGC: too many ended pods"})
	})
}
