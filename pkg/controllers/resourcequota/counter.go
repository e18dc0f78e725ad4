package resourcequota

import (
	"context"
	"fmt"
	"strings"
	"sync"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	quota "k8s.io/apiserver/pkg/quota/v1"
	"k8s.io/apiserver/pkg/quota/v1/generic"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/metadata/metadatainformer"
	"k8s.io/client-go/tools/cache"
)

// countPrefix begins the names of quotas of numbers of objects: count/<resource>.<group>.
const countPrefix = "count/"

// counter counts objects of kinds that only quotas name.
type counter struct {
	metadata metadata.Interface
	mapper   meta.RESTMapper
	registry quota.Registry
	// changed is told of each namespace in which there are fewer such objects than before.
	changed func(namespace string)

	wg      sync.WaitGroup
	mu      sync.Mutex
	running map[schema.GroupResource]cache.SharedIndexInformer // guarded by mu; bounded by the kinds that exist
}

// follow sees to it that all objects that limits count are counted, and waits until they have been listed.
func (c *counter) follow(ctx, life context.Context, limits v1.ResourceList) error {
	for name := range limits {
		text, counts := strings.CutPrefix(string(name), countPrefix)
		if !counts {
			continue
		}
		resource := schema.ParseGroupResource(text)
		informer, err := c.informer(life, resource)
		if err != nil {
			return err
		}
		if informer == nil {
			continue
		}
		select {
		case <-informer.HasSyncedChecker().Done():
		case <-ctx.Done():
			return fmt.Errorf("list %s to count them: %w", resource, ctx.Err())
		}
	}
	return nil
}

// informer starts counting a resource. It returns nil when somebody else counts it, or it does not exist.
func (c *counter) informer(life context.Context, resource schema.GroupResource) (cache.SharedIndexInformer, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if running := c.running[resource]; running != nil {
		return running, nil
	}
	if c.registry.Get(resource) != nil {
		return nil, nil
	}
	found, err := c.mapper.ResourceFor(resource.WithVersion(""))
	if meta.IsNoMatchError(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("find resource %s: %w", resource, err)
	}
	indexers := cache.Indexers{cache.NamespaceIndex: cache.MetaNamespaceIndexFunc}
	informer := metadatainformer.NewFilteredMetadataInformer(c.metadata, found, "", 0, indexers, nil).Informer()
	wake := func(item any) {
		if tombstone, ok := item.(cache.DeletedFinalStateUnknown); ok {
			item = tombstone.Obj
		}
		if object, ok := item.(metav1.Object); ok {
			c.changed(object.GetNamespace())
		}
	}
	if _, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{DeleteFunc: wake}); err != nil {
		return nil, fmt.Errorf("watch %s to count them: %w", resource, err)
	}
	c.running[resource] = informer
	c.registry.Add(generic.NewObjectCountEvaluator(resource, func(namespace string) ([]runtime.Object, error) {
		return listIn(informer, namespace)
	}, ""))
	c.wg.Go(func() { informer.RunWithContext(life) })
	return informer, nil
}

// listIn lists the objects of a namespace that an informer knows.
func listIn(informer cache.SharedIndexInformer, namespace string) ([]runtime.Object, error) {
	items, err := informer.GetIndexer().ByIndex(cache.NamespaceIndex, namespace)
	if err != nil {
		return nil, fmt.Errorf("list objects of namespace %q: %w", namespace, err)
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
