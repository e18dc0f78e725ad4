package nodeipam

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"sync"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/proa-sh/proa/pkg/controllers/control"
)

// Range is one of the cluster's ranges of pod addresses.
type Range struct {
	// Prefix is the whole range, PartSize the prefix length of a node's part.
	Prefix   netip.Prefix
	PartSize int
}

type reconciler struct {
	control.Dependencies
	nodes corelisters.NodeLister

	mu         sync.Mutex
	allocators []*allocator // guarded by mu
}

// New makes the controller. reserved are ranges that no node gets. Its keys are nodes.
func New(d control.Dependencies, ranges []Range, reserved []netip.Prefix) (control.Controller, error) {
	nodes := d.Informers.Core().V1().Nodes()
	r := &reconciler{Dependencies: d, nodes: nodes.Lister()}
	for _, one := range ranges {
		a, err := newAllocator(one.Prefix, one.PartSize)
		if err != nil {
			return nil, err
		}
		for _, prefix := range reserved {
			a.mark(prefix, true)
		}
		r.allocators = append(r.allocators, a)
	}
	return control.NewLoop(control.Spec{
		Name: d.Name, Workers: d.Workers, Reconcile: r.Reconcile,
		Watches: []source.Source{control.Watch(nodes.Informer(), r.changed)},
		Writes:  []control.Written{control.Shows[v1.Node](nodes.Informer())},
	}), nil
}

// changed wakes nodes without a part. When a node goes, its part is free, and those who wait for one are woken.
func (r *reconciler) changed(old, now *v1.Node) []control.Key {
	if now != nil {
		if len(now.Spec.PodCIDRs) > 0 && (old == nil || len(old.Spec.PodCIDRs) == 0) {
			r.mark(now, true)
		}
		if len(now.Spec.PodCIDRs) > 0 || now.DeletionTimestamp != nil {
			return nil
		}
		return []control.Key{control.KeyOf("", now.Name)}
	}
	r.mark(old, false)
	all, err := r.nodes.List(labels.Everything())
	if err != nil {
		return nil // a lister over a cache does not fail
	}
	var keys []control.Key
	for _, node := range all {
		if len(node.Spec.PodCIDRs) == 0 {
			keys = append(keys, control.KeyOf("", node.Name))
		}
	}
	return keys
}

// mark takes or frees the parts of a node.
func (r *reconciler) mark(node *v1.Node, taken bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, text := range node.Spec.PodCIDRs {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			continue // validation refuses it
		}
		for _, a := range r.allocators {
			a.mark(prefix, taken)
		}
	}
}

// allocate takes one part of each range.
func (r *reconciler) allocate() ([]netip.Prefix, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var parts []netip.Prefix
	for _, a := range r.allocators {
		part, err := a.next()
		if err != nil {
			r.releaseLocked(parts)
			return nil, fmt.Errorf("allocate from %s: %w", a.whole, err)
		}
		parts = append(parts, part)
	}
	return parts, nil
}

func (r *reconciler) release(parts []netip.Prefix) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.releaseLocked(parts)
}

// releaseLocked frees parts, each in the allocator that gave it. mu is held.
func (r *reconciler) releaseLocked(parts []netip.Prefix) {
	for i, part := range parts {
		r.allocators[i].mark(part, false)
	}
}

// Reconcile implements reconcile.Reconciler. All nodes that were there at first have been marked by then, since the loop
// starts after its informers have shown them.
func (r *reconciler) Reconcile(ctx context.Context, key control.Key) (control.Result, error) {
	node, err := r.nodes.Get(key.Name)
	if apierrors.IsNotFound(err) {
		return control.Result{}, nil
	}
	if err != nil {
		return control.Result{}, fmt.Errorf("read node: %w", err)
	}
	if len(node.Spec.PodCIDRs) > 0 || node.DeletionTimestamp != nil || len(r.allocators) == 0 {
		return control.Result{}, nil
	}
	parts, err := r.allocate()
	if errors.Is(err, errFull) {
		r.Recorder.Eventf(&v1.ObjectReference{Kind: "Node", APIVersion: "v1", Name: node.Name, UID: types.UID(node.Name)},
			v1.EventTypeNormal, "CIDRNotAvailable", "Node %s status is now: CIDRNotAvailable", node.Name)
		klog.FromContext(ctx).Error(err, "Cannot give node a range of pod addresses; free one by deleting a node, or use a larger --cluster-cidr", "node", node.Name)
		return control.Result{}, nil
	}
	if err != nil {
		return control.Result{}, err
	}
	if err := r.write(ctx, node, parts); err != nil {
		// When the answer was lost the node may have its parts. They stay taken then: better lost than given twice.
		if refused(err) {
			r.release(parts)
		}
		return control.Result{}, err
	}
	return control.Result{}, nil
}

// write gives the node its parts.
func (r *reconciler) write(ctx context.Context, node *v1.Node, parts []netip.Prefix) error {
	var texts []string
	for _, part := range parts {
		texts = append(texts, part.String())
	}
	patch, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"uid": node.UID}, // a part once given cannot be changed, so no version is needed
		"spec":     map[string]any{"podCIDR": texts[0], "podCIDRs": texts},
	})
	if err != nil {
		return fmt.Errorf("encode ranges of node: %w", err)
	}
	_, err = control.Patch(ctx, r.Client.CoreV1().Nodes(), node, types.MergePatchType, patch)
	if err == nil {
		klog.FromContext(ctx).V(2).Info("Gave node its pod addresses", "node", node.Name, "ranges", texts)
	}
	return err
}

// refused says whether err is the server's word that it has written nothing.
func refused(err error) bool {
	return apierrors.IsConflict(err) || apierrors.IsNotFound(err) || apierrors.IsInvalid(err) || apierrors.IsForbidden(err)
}
