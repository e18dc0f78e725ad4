package nodelifecycle

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	coordination "k8s.io/api/coordination/v1"
	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/proa-sh/proa/pkg/controllers/control"
	"github.com/proa-sh/proa/pkg/nodes"
	"github.com/proa-sh/proa/pkg/pods"
)

type reconciler struct {
	control.Dependencies
	settings   Settings
	nodes      corelisters.NodeLister
	pods       cache.SharedIndexInformer
	heartbeats heartbeats
	zones      *zones
	pace       pace
}

// New makes the controller. Its keys are nodes.
func New(d control.Dependencies, settings Settings) (control.Controller, error) {
	core := d.Informers.Core().V1()
	leases := d.Informers.Coordination().V1().Leases().Informer()
	r := &reconciler{
		Dependencies: d, settings: settings, nodes: core.Nodes().Lister(), pods: core.Pods().Informer(),
		heartbeats: heartbeats{nodes: map[string]*heartbeat{}}, zones: newZones(settings), pace: pace{last: map[string]time.Time{}},
	}
	if err := control.IndexPodsByNode(r.pods); err != nil {
		return nil, err
	}
	return control.NewLoop(control.Spec{
		Name: d.Name, Workers: d.Workers, Reconcile: r.Reconcile,
		Watches: []source.Source{control.Watch(core.Nodes().Informer(), r.nodeChanged), control.Watch(leases, r.leaseChanged)},
		Reads:   []cache.SharedIndexInformer{r.pods},
		Writes:  []control.Written{control.Shows[v1.Node](core.Nodes().Informer()), control.Shows[v1.Pod](r.pods)},
	}), nil
}

// nodeChanged wakes a node when more than its heartbeat has changed, and those that wait for how the others fare.
func (r *reconciler) nodeChanged(old, now *v1.Node) []control.Key {
	if now == nil {
		r.heartbeats.forget(old.Name)
		r.Recorder.Eventf(reference(old), v1.EventTypeNormal, "RemovingNode", "Node %s event: Removing Node %s from Controller", old.Name, old.Name)
		keys := keysOf(r.zones.remove(old.Name))
		if zone := zoneOf(old); r.zones.empty(zone) {
			r.pace.forget(zone)
		}
		return append(keys, control.KeyOf("", old.Name)) // which forgets it for good, should it be looked at now
	}
	r.heartbeats.node(now)
	keys := keysOf(r.zones.set(now.Name, placeOf(now)))
	if old == nil {
		r.Recorder.Eventf(reference(now), v1.EventTypeNormal, "RegisteredNode", "Node %s event: Registered Node %s in Controller", now.Name, now.Name)
	}
	if old == nil || matters(old, now) {
		keys = append(keys, control.KeyOf("", now.Name))
	}
	return keys
}

func keysOf(nodes []string) []control.Key {
	var keys []control.Key
	for _, name := range nodes {
		keys = append(keys, control.KeyOf("", name))
	}
	return keys
}

// matters says whether a change can change the outcome; most changes of nodes are heartbeats.
func matters(old, now *v1.Node) bool {
	if old.Spec.Unschedulable != now.Spec.Unschedulable || len(old.Spec.Taints) != len(now.Spec.Taints) || zoneOf(old) != zoneOf(now) {
		return true
	}
	for i := range old.Spec.Taints {
		if !old.Spec.Taints[i].MatchTaint(&now.Spec.Taints[i]) {
			return true
		}
	}
	for _, kind := range append(silentConditions(), v1.NodeNetworkUnavailable) {
		if nodes.ConditionStatus(old, kind) != nodes.ConditionStatus(now, kind) || (nodes.Condition(old, kind) == nil) != (nodes.Condition(now, kind) == nil) {
			return true
		}
	}
	return false
}

// leaseChanged notes a heartbeat. It wakes nobody: a node's own timer finds the later time. A lease that has gone wakes its
// node, which may have gone before.
func (r *reconciler) leaseChanged(old, now *coordination.Lease) []control.Key {
	switch {
	case control.Latest(old, now).Namespace != v1.NamespaceNodeLease:
		return nil
	case now == nil:
		return []control.Key{control.KeyOf("", old.Name)}
	}
	r.heartbeats.lease(now)
	return nil
}

// Reconcile implements reconcile.Reconciler.
func (r *reconciler) Reconcile(ctx context.Context, key control.Key) (control.Result, error) {
	node, err := r.nodes.Get(key.Name)
	if apierrors.IsNotFound(err) {
		r.heartbeats.forget(key.Name)
		return control.Result{}, nil
	}
	if err != nil {
		return control.Result{}, fmt.Errorf("read node: %w", err)
	}
	o, wait := r.observe(node)
	v := plan(o)
	if node, err = r.act(ctx, node, v, o.now); err != nil {
		return control.Result{}, err
	}
	if err := r.markPods(ctx, node); err != nil {
		return control.Result{}, err
	}
	after := v.silentIn
	if v.driveAway && wait > 0 && (after == 0 || wait < after) {
		after = wait
	}
	return control.Result{RequeueAfter: after}, nil
}

// observe gathers what is known. wait is how long the zone's rate asks to wait before more pods are driven away.
func (r *reconciler) observe(node *v1.Node) (o observed, wait time.Duration) {
	o = observed{node: node, heard: r.heartbeats.node(node), grace: r.settings.MonitorGrace, now: time.Now()}
	if nodes.Condition(node, v1.NodeReady) == nil {
		o.grace = r.settings.StartupGrace
	}
	rate, suspended := r.zones.look(zoneOf(node))
	o.suspended = suspended
	wait, allowed := r.pace.wait(zoneOf(node), rate, o.now)
	o.mayDriveAway = allowed && wait == 0
	return o, wait
}

// act writes conditions and taints, and returns the node as it is then.
func (r *reconciler) act(ctx context.Context, node *v1.Node, v outcome, now time.Time) (*v1.Node, error) {
	client := r.Client.CoreV1().Nodes()
	if v.conditions != nil {
		changed := node.DeepCopy()
		changed.Status.Conditions = v.conditions
		updated, err := control.UpdateStatus(ctx, client, changed)
		if err != nil {
			return node, err
		}
		klog.FromContext(ctx).Info("Node has fallen silent", "node", node.Name)
		node = updated
	}
	if !v.changeTaints {
		return node, nil
	}
	patch, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"uid": node.UID, "resourceVersion": node.ResourceVersion},
		"spec":     map[string]any{"taints": v.taints},
	})
	if err != nil {
		return node, fmt.Errorf("encode taints: %w", err)
	}
	patched, err := control.Patch(ctx, client, node, types.MergePatchType, patch)
	if err != nil {
		return node, err
	}
	if v.droveAway {
		r.pace.used(zoneOf(node), now)
	}
	klog.FromContext(ctx).V(2).Info("Changed taints of node", "node", node.Name, "taints", v.taints)
	return patched, nil
}

// markPods makes the pods of a node that is lost, or has just become unready, not ready, so that services leave them out.
func (r *reconciler) markPods(ctx context.Context, node *v1.Node) error {
	state := readiness(node)
	turned := r.heartbeats.turned(node.Name, state)
	if turned {
		r.Recorder.Eventf(reference(node), v1.EventTypeNormal, "NodeNotReady", "Node %s status is now: NodeNotReady", node.Name)
	}
	if !turned && state != v1.ConditionUnknown {
		return nil
	}
	all, err := control.PodsOn(r.pods, node.Name)
	if err != nil {
		return err
	}
	return control.All(ctx, len(all), func(ctx context.Context, i int) error {
		pod := all[i]
		if !pods.IsReady(pod) {
			return nil
		}
		condition := *pods.Condition(pod, v1.PodReady)
		condition.Status = v1.ConditionFalse
		condition.LastTransitionTime = metav1.Now()
		if _, err := control.SetPodCondition(ctx, r.Client, pod, condition, ""); err != nil && !apierrors.IsNotFound(err) {
			return err
		}
		r.Recorder.Event(pod, v1.EventTypeWarning, "NodeNotReady", "Node is not ready")
		return nil
	})
}

// reference names a node in events by its name as UID, as kubelets do, so that kubectl describe finds both.
func reference(node *v1.Node) *v1.ObjectReference {
	return &v1.ObjectReference{Kind: "Node", APIVersion: "v1", Name: node.Name, UID: types.UID(node.Name)}
}
