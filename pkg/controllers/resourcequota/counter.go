package resourcequota

import (
	"context"
	"fmt"
	"strings"
	"sync"

	v1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	quota "k8s.io/apiserver/pkg/quota/v1"
	"k8s.io/apiserver/pkg/quota/v1/generic"
	resourceinformers "k8s.io/client-go/informers/resource/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/metadata/metadatainformer"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
)

// countPrefix begins the names of quotas of numbers of objects: count/<resource>.<group>.
const countPrefix = "count/"

// resourceClaims are counted by their devices too, and most clusters have none: they are followed when a quota names them.
var resourceClaims = resourcev1.Resource("resourceclaims")

// counter counts objects of kinds that the process has no informers of. A kind is counted, which is that the registry has
// its evaluator, from when its objects have been listed until the server no longer has the kind. Nobody waits for that.
type counter struct {
	client   kubernetes.Interface
	metadata metadata.Interface
	mapper   meta.ResettableRESTMapper
	registry quota.Registry
	// known are evaluators of kinds that cost more than their number. They list with listIn.
	known map[schema.GroupResource]quota.Evaluator
	// fewer is told of each namespace in which there are fewer objects than before.
	fewer func(namespace string)
	// changed is told when a kind begins or ends to be counted.
	changed func(kind schema.GroupResource, counted bool)

	wg      sync.WaitGroup
	mu      sync.Mutex
	running map[schema.GroupResource]*counted // guarded by mu; bounded by the kinds that exist
}

// counted is a kind that is followed.
type counted struct {
	informer cache.SharedIndexInformer
	stop     context.CancelFunc
}

// kindsOf are the kinds that a quota with these limits counts by name.
func kindsOf(limits v1.ResourceList) []schema.GroupResource {
	var kinds []schema.GroupResource
	for name := range limits {
		text := string(name)
		switch kind, counts := strings.CutPrefix(text, countPrefix); {
		case counts:
			kinds = append(kinds, schema.ParseGroupResource(kind))
		case strings.HasSuffix(text, v1.ResourceClaimsPerClass), strings.HasPrefix(text, v1.ResourceImplicitExtendedClaimsPerClass):
			kinds = append(kinds, resourceClaims)
		}
	}
	return kinds
}

// follow sees to it that all objects that limits count are counted, until life ends. It says whether the server has all
// of the kinds.
func (c *counter) follow(life context.Context, limits v1.ResourceList) (all bool, err error) {
	all = true
	for _, kind := range kindsOf(limits) {
		found, err := c.count(life, kind)
		if err != nil {
			return all, err
		}
		all = all && found
	}
	return all, nil
}

// count starts counting a kind, unless that goes on or somebody else counts it. It returns false when there is no such kind.
func (c *counter) count(life context.Context, kind schema.GroupResource) (bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.running[kind] != nil || c.registry.Get(kind) != nil {
		return true, nil
	}
	found, err := c.mapper.ResourceFor(kind.WithVersion(""))
	if meta.IsNoMatchError(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("find resource %s: %w", kind, err)
	}
	ctx, stop := context.WithCancel(life)
	one := &counted{c.informerOf(found), stop}
	if err := c.prepare(one, found); err != nil {
		stop()
		return false, fmt.Errorf("watch %s to count them: %w", kind, err)
	}
	c.running[kind] = one
	c.wg.Go(func() { one.informer.RunWithContext(ctx) })
	c.wg.Go(func() {
		select {
		case <-one.informer.HasSyncedChecker().Done():
			c.listed(kind, one)
		case <-ctx.Done():
		}
	})
	return true, nil
}

// listed begins to count a kind whose objects are known.
func (c *counter) listed(kind schema.GroupResource, one *counted) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.running[kind] == one {
		c.registry.Add(c.evaluatorOf(kind))
		c.changed(kind, true)
	}
}

// informerOf makes the informer of a kind: of the whole objects where more than their number counts.
func (c *counter) informerOf(resource schema.GroupVersionResource) cache.SharedIndexInformer {
	indexers := cache.Indexers{cache.NamespaceIndex: cache.MetaNamespaceIndexFunc}
	if resource.GroupResource() == resourceClaims {
		return resourceinformers.NewResourceClaimInformer(c.client, metav1.NamespaceAll, 0, indexers)
	}
	return metadatainformer.NewFilteredMetadataInformer(c.metadata, resource, metav1.NamespaceAll, 0, indexers, nil).Informer()
}

// prepare makes a kind's informer tell when objects go and when the kind itself has gone.
func (c *counter) prepare(one *counted, resource schema.GroupVersionResource) error {
	_, err := one.informer.AddEventHandler(cache.ResourceEventHandlerFuncs{DeleteFunc: func(item any) {
		if tombstone, ok := item.(cache.DeletedFinalStateUnknown); ok {
			item = tombstone.Obj
		}
		if object, ok := item.(metav1.Object); ok {
			c.fewer(object.GetNamespace())
		}
	}})
	if err != nil {
		return err
	}
	return one.informer.SetWatchErrorHandlerWithContext(func(ctx context.Context, r *cache.Reflector, err error) {
		if !apierrors.IsNotFound(err) {
			cache.DefaultWatchErrorHandler(ctx, r, err)
			return
		}
		klog.FromContext(ctx).V(2).Info("Counting no longer, the server has no such kind", "resource", resource)
		c.forget(resource.GroupResource(), one)
	})
}

// forget ends the counting of a kind that the server no longer has, or not in this version.
func (c *counter) forget(kind schema.GroupResource, one *counted) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.running[kind] != one {
		return
	}
	one.stop()
	delete(c.running, kind)
	c.registry.Remove(c.evaluatorOf(kind))
	c.mapper.Reset()
	c.changed(kind, false)
}

func (c *counter) evaluatorOf(kind schema.GroupResource) quota.Evaluator {
	if known := c.known[kind]; known != nil {
		return known
	}
	return generic.NewObjectCountEvaluator(kind, func(namespace string) ([]runtime.Object, error) { return c.listIn(kind, namespace) }, "")
}

// indexer holds the objects of a kind that is followed.
func (c *counter) indexer(kind schema.GroupResource) (cache.Indexer, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	one := c.running[kind]
	if one == nil {
		return nil, fmt.Errorf("%s are not counted", kind)
	}
	return one.informer.GetIndexer(), nil
}

// listIn lists the objects of a kind in a namespace.
func (c *counter) listIn(kind schema.GroupResource, namespace string) ([]runtime.Object, error) {
	indexer, err := c.indexer(kind)
	if err != nil {
		return nil, err
	}
	items, err := indexer.ByIndex(cache.NamespaceIndex, namespace)
	if err != nil {
		return nil, fmt.Errorf("list %s of namespace %q: %w", kind, namespace, err)
	}
	var all []runtime.Object
	for _, item := range items {
		if object, ok := item.(runtime.Object); ok {
			all = append(all, object)
		}
	}
	return all, nil
}

// wait returns when all informers have ended.
func (c *counter) wait() { c.wg.Wait() }
