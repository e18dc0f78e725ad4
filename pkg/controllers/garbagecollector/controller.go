package garbagecollector

import (
	"context"
	"fmt"
	"sync"
	"time"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
	"k8s.io/utils/lru"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/proa-sh/proa/pkg/controllers/control"
)

const (
	// unlisted is the pause while some kinds have not been listed yet.
	unlisted = 100 * time.Millisecond
	// unwatched is how often owners of kinds are looked for whose deletion cannot be seen.
	unwatched = 30 * time.Second
	// absentOwners is how many owners are remembered as gone. A UID never comes back.
	absentOwners = 5000
)

// Controller collects garbage. Its keys are UIDs.
type Controller struct {
	control.Dependencies
	metadata metadata.Interface
	monitors *monitors
	loop     *control.Loop
	trigger  *control.Trigger
	absent   *lru.Cache // of coordinates

	mu     sync.Mutex
	graph  *graph // guarded by mu
	listed bool   // guarded by mu; all kinds have been listed once, so that the graph can be trusted to be nearly whole
}

// coordinates are where an owner was looked for.
type coordinates struct {
	resource        schema.GroupVersionResource
	namespace, name string
	uid             types.UID
}

// New makes the controller. shared are resources whose informers the process has anyhow.
func New(d control.Dependencies, shared []schema.GroupVersionResource) (control.Controller, error) {
	client, err := metadata.NewForConfig(rest.CopyConfig(d.REST))
	if err != nil {
		return nil, fmt.Errorf("make metadata client: %w", err)
	}
	c := &Controller{Dependencies: d, metadata: client, trigger: &control.Trigger{}, absent: lru.New(absentOwners), graph: newGraph()}
	informers := map[schema.GroupVersionResource]cache.SharedIndexInformer{}
	for _, resource := range shared {
		informer, err := d.Informers.ForResource(resource)
		if err != nil {
			return nil, fmt.Errorf("find shared informer of %s: %w", resource, err)
		}
		informers[resource] = informer.Informer()
	}
	c.monitors = &monitors{
		discovery: d.Client.Discovery(), metadata: client, shared: informers,
		handler: c.handler, dropped: c.dropped, listed: c.allListed,
		changed: make(chan struct{}, 1), running: map[schema.GroupVersionResource]*monitor{},
	}
	c.loop = control.NewLoop(control.Spec{Name: d.Name, Workers: d.Workers, Reconcile: c.Reconcile, Watches: []source.Source{c.trigger}})
	return c, nil
}

// Run implements control.Controller.
func (c *Controller) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	wg.Go(func() { c.monitors.run(ctx) })
	err := c.loop.Run(ctx)
	cancel()
	wg.Wait()
	return err
}

// handler keeps the graph up to date with one kind.
func (c *Controller) handler(resource schema.GroupVersionResource, kind schema.GroupKind) cache.ResourceEventHandler {
	defines := definesKinds(resource)
	put := func(item any) {
		if obj, ok := item.(metav1.Object); ok {
			c.change(func(g *graph) []types.UID { return g.put(&node{resource, kind, obj}) })
		}
		if defines {
			c.monitors.kindsChanged()
		}
	}
	return cache.ResourceEventHandlerFuncs{
		AddFunc:    put,
		UpdateFunc: func(_, now any) { put(now) },
		DeleteFunc: func(item any) {
			if tombstone, ok := item.(cache.DeletedFinalStateUnknown); ok {
				item = tombstone.Obj
			}
			if obj, ok := item.(metav1.Object); ok {
				c.change(func(g *graph) []types.UID { return g.remove(obj.GetUID()) })
			}
			if defines {
				c.monitors.kindsChanged()
			}
		},
	}
}

// dropped forgets the objects of a kind that has gone.
func (c *Controller) dropped(resource schema.GroupVersionResource) {
	c.change(func(g *graph) []types.UID { return g.removeKind(resource) })
}

// allListed looks at all that may have something to do.
func (c *Controller) allListed() {
	c.mu.Lock()
	c.listed = true
	c.mu.Unlock()
	c.change((*graph).pending)
}

// change changes the graph and wakes the nodes that need a look. While kinds are being listed for the first time owners
// often appear after their dependents, so nothing is woken before the end of that.
func (c *Controller) change(f func(*graph) []types.UID) {
	c.mu.Lock()
	wake := f(c.graph)
	listed := c.listed
	c.mu.Unlock()
	if !listed {
		return
	}
	for _, uid := range wake {
		c.trigger.Wake(control.KeyOf("", string(uid)))
	}
}

// Reconcile implements reconcile.Reconciler.
func (c *Controller) Reconcile(ctx context.Context, key control.Key) (control.Result, error) {
	uid := types.UID(key.Name)
	c.mu.Lock()
	n := c.graph.nodes[uid]
	o := observed{node: n, dependents: c.graph.dependentsOf(uid), circle: c.graph.waitsForItself(n)}
	c.mu.Unlock()
	if n == nil {
		return control.Result{}, nil
	}
	if n.deleting() {
		if (n.foreground() || n.orphaning()) && !c.monitors.synced() {
			return control.Result{RequeueAfter: unlisted}, nil
		}
		return control.Result{}, c.act(ctx, n, plan(o))
	}
	owners, again, err := c.classify(ctx, n)
	if err != nil {
		return control.Result{}, err
	}
	o.owners = owners
	return control.Result{RequeueAfter: again}, c.act(ctx, n, plan(o))
}

// classify finds out what has become of the owners of n, in the order of its references. again is when an owner must be looked for again.
func (c *Controller) classify(ctx context.Context, n *node) (owners []state, again time.Duration, err error) {
	for _, ref := range n.owners() {
		c.mu.Lock()
		owner := c.graph.nodes[ref.UID]
		c.mu.Unlock()
		if owner != nil && reaches(ref, owner, n) {
			found := solid
			if owner.foreground() && n.blocks(ref.UID) {
				found = waiting
			}
			owners = append(owners, found)
			continue
		}
		found, later, err := c.search(ctx, n, ref)
		if err != nil {
			return nil, 0, err
		}
		owners = append(owners, found)
		again = max(again, later)
	}
	return owners, again, nil
}

// search looks for an owner on the server. An owner of an unknown kind is kept for solid; when kinds come, all such
// objects are looked at again.
func (c *Controller) search(ctx context.Context, n *node, ref metav1.OwnerReference) (found state, again time.Duration, err error) {
	gv, err := schema.ParseGroupVersion(ref.APIVersion)
	if err != nil {
		return solid, 0, nil // malformed, which validation refuses
	}
	resource, namespaced, known := c.monitors.resourceOf(gv.WithKind(ref.Kind))
	if !known {
		klog.FromContext(ctx).V(2).Info("Keeping object with an owner of unknown kind", "object", klog.KObj(n.object), "owner", ref)
		return solid, 0, nil
	}
	at := coordinates{resource: resource, name: ref.Name, uid: ref.UID}
	if namespaced {
		at.namespace = n.object.GetNamespace()
		if at.namespace == "" {
			c.complain(n, ref)
			return solid, 0, nil
		}
	}
	if _, absent := c.absent.Get(at); absent {
		return dangling, 0, nil
	}
	live, err := c.metadata.Resource(resource).Namespace(at.namespace).Get(ctx, ref.Name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err) || (err == nil && live.UID != ref.UID):
		c.absent.Add(at, nil)
		c.mu.Lock()
		elsewhere := c.graph.nodes[ref.UID]
		c.mu.Unlock()
		if elsewhere != nil {
			c.complain(n, ref)
		}
		return dangling, 0, nil
	case err != nil:
		return solid, 0, fmt.Errorf("look for owner %s %q: %w", ref.Kind, ref.Name, err)
	}
	if !c.monitors.watches(resource.GroupResource()) {
		again = unwatched
	}
	owner := &node{resource, schema.GroupKind{Group: gv.Group, Kind: ref.Kind}, live}
	if owner.foreground() && n.blocks(ref.UID) {
		return waiting, again, nil
	}
	return solid, again, nil
}

// complain tells the user that a reference cannot mean what it says.
func (c *Controller) complain(n *node, ref metav1.OwnerReference) {
	kind, known := c.kindOf(n)
	if !known {
		return
	}
	object := &v1.ObjectReference{
		APIVersion: kind.GroupVersion().String(), Kind: kind.Kind,
		Namespace: n.object.GetNamespace(), Name: n.object.GetName(), UID: n.uid(),
	}
	c.Recorder.Eventf(object, v1.EventTypeWarning, "OwnerRefInvalidNamespace", "ownerRef %s does not exist in namespace %q", ref.String(), n.object.GetNamespace())
}

// kindOf is the kind of a node's resource.
func (c *Controller) kindOf(n *node) (schema.GroupVersionKind, bool) {
	c.monitors.mu.Lock()
	defer c.monitors.mu.Unlock()
	for kind, resource := range c.monitors.kinds.resources {
		if resource == n.resource {
			return kind, true
		}
	}
	return schema.GroupVersionKind{}, false
}
