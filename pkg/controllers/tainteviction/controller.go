package tainteviction

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/proa-sh/proa/pkg/controllers/control"
	"github.com/proa-sh/proa/pkg/pods"
)

type reconciler struct {
	control.Dependencies
	nodes     corelisters.NodeLister
	podLister corelisters.PodLister
	pods      cache.SharedIndexInformer

	mu    sync.Mutex
	since map[control.Key]tainted // guarded by mu; an entry is made and dropped by the reconciliation of its key alone
}

// tainted is a pod on a tainted node.
type tainted struct {
	pod   types.UID
	since time.Time // when it was first seen so
}

// New makes the controller. Its keys are pods.
func New(d control.Dependencies) (control.Controller, error) {
	core := d.Informers.Core().V1()
	r := &reconciler{
		Dependencies: d, nodes: core.Nodes().Lister(), podLister: core.Pods().Lister(), pods: core.Pods().Informer(),
		since: map[control.Key]tainted{},
	}
	if err := control.IndexPodsByNode(r.pods); err != nil {
		return nil, err
	}
	return control.NewLoop(control.Spec{
		Name: d.Name, Workers: d.Workers, Reconcile: r.Reconcile,
		Watches: []source.Source{control.Watch(core.Nodes().Informer(), r.nodeChanged), control.Watch(r.pods, r.podChanged)},
		Writes:  []control.Written{control.Shows[v1.Pod](r.pods)},
	}), nil
}

// nodeChanged wakes the pods of a node whose driving taints have changed.
func (r *reconciler) nodeChanged(old, now *v1.Node) []control.Key {
	var before, after []v1.Taint
	if old != nil {
		before = noExecute(old.Spec.Taints)
	}
	if now != nil {
		after = noExecute(now.Spec.Taints)
	}
	if slices.EqualFunc(before, after, func(a, b v1.Taint) bool { return a.MatchTaint(&b) && a.Value == b.Value }) {
		return nil
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

// podChanged wakes a pod that came to a node, changed its tolerations, or has gone.
func (r *reconciler) podChanged(old, now *v1.Pod) []control.Key {
	if now == nil {
		return []control.Key{control.KeyOf(old.Namespace, old.Name)}
	}
	if now.Spec.NodeName == "" || (old != nil && old.Spec.NodeName == now.Spec.NodeName && len(old.Spec.Tolerations) == len(now.Spec.Tolerations)) {
		return nil
	}
	return []control.Key{control.KeyOf(now.Namespace, now.Name)}
}

// first is when the pod was first seen on a tainted node.
func (r *reconciler) first(pod *v1.Pod, now time.Time) time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	key := control.KeyOf(pod.Namespace, pod.Name)
	one := r.since[key]
	if one.pod != pod.UID {
		one = tainted{pod.UID, now}
		r.since[key] = one
	}
	return one.since
}

// forget returns the UID of the pod that was remembered, "" if there was none.
func (r *reconciler) forget(key control.Key) types.UID {
	r.mu.Lock()
	defer r.mu.Unlock()
	defer delete(r.since, key)
	return r.since[key].pod
}

// Reconcile implements reconcile.Reconciler.
func (r *reconciler) Reconcile(ctx context.Context, key control.Key) (control.Result, error) {
	pod, err := r.podLister.Pods(key.Namespace).Get(key.Name)
	if apierrors.IsNotFound(err) {
		r.forget(key)
		return control.Result{}, nil
	}
	if err != nil {
		return control.Result{}, fmt.Errorf("read pod: %w", err)
	}
	node, err := r.nodes.Get(pod.Spec.NodeName)
	if apierrors.IsNotFound(err) {
		return control.Result{}, nil // pods of nodes that have gone are not this controller's
	}
	if err != nil {
		return control.Result{}, fmt.Errorf("read node: %w", err)
	}
	now := time.Now()
	since := now
	if len(noExecute(node.Spec.Taints)) > 0 {
		since = r.first(pod, now)
	}
	switch out := plan(pod, node.Spec.Taints, since, now); out.fate {
	case leave:
		return control.Result{}, r.evict(ctx, pod)
	case tolerated:
		return control.Result{RequeueAfter: out.after}, nil
	default:
		if r.forget(key) == pod.UID && pod.DeletionTimestamp == nil {
			r.Recorder.Eventf(pod, v1.EventTypeNormal, "TaintManagerEviction", "Cancelling deletion of Pod %s/%s", pod.Namespace, pod.Name)
		}
		return control.Result{}, nil
	}
}

// evict notes in the pod why it goes, and deletes it.
func (r *reconciler) evict(ctx context.Context, pod *v1.Pod) error {
	klog.FromContext(ctx).V(2).Info("Evicting pod from tainted node", "pod", klog.KObj(pod), "node", pod.Spec.NodeName)
	r.Recorder.Eventf(pod, v1.EventTypeNormal, "TaintManagerEviction", "Marking for deletion Pod %s/%s", pod.Namespace, pod.Name)
	if !pods.IsTerminal(pod) {
		_, err := control.SetPodCondition(ctx, r.Client, pod, v1.PodCondition{
			Type: v1.DisruptionTarget, Status: v1.ConditionTrue, Reason: "DeletionByTaintManager",
			Message: "Taint manager: deleting due to NoExecute taint", LastTransitionTime: metav1.Now(), ObservedGeneration: pod.Generation,
		}, "")
		if err != nil && !apierrors.IsNotFound(err) {
			return err
		}
	}
	return control.Delete(ctx, r.Client.CoreV1().Pods(pod.Namespace), pod, metav1.DeleteOptions{})
}
