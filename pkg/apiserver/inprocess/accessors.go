package inprocess

import (
	"context"
	"fmt"
	"reflect"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/informers/admissionregistration"
	"k8s.io/client-go/informers/apiserverinternal"
	"k8s.io/client-go/informers/apps"
	"k8s.io/client-go/informers/autoscaling"
	"k8s.io/client-go/informers/batch"
	"k8s.io/client-go/informers/certificates"
	"k8s.io/client-go/informers/coordination"
	"k8s.io/client-go/informers/core"
	"k8s.io/client-go/informers/discovery"
	"k8s.io/client-go/informers/events"
	"k8s.io/client-go/informers/extensions"
	"k8s.io/client-go/informers/flowcontrol"
	"k8s.io/client-go/informers/internalinterfaces"
	"k8s.io/client-go/informers/networking"
	"k8s.io/client-go/informers/node"
	"k8s.io/client-go/informers/policy"
	"k8s.io/client-go/informers/rbac"
	"k8s.io/client-go/informers/resource"
	"k8s.io/client-go/informers/scheduling"
	"k8s.io/client-go/informers/storage"
	"k8s.io/client-go/informers/storagemigration"
	"k8s.io/client-go/tools/cache"
)

var _ informers.SharedInformerFactory = (*Informers)(nil)

type newInformerFunc = internalinterfaces.NewInformerFunc

// accessors are the typed ways into a factory. They all end in InformerFor.
type accessors struct {
	factory interface {
		internalinterfaces.SharedInformerFactory
		startedInformers() map[reflect.Type]cache.SharedIndexInformer
	}
}

func (a accessors) Admissionregistration() admissionregistration.Interface {
	return admissionregistration.New(a.factory, "", nil)
}
func (a accessors) Internal() apiserverinternal.Interface {
	return apiserverinternal.New(a.factory, "", nil)
}
func (a accessors) Apps() apps.Interface                 { return apps.New(a.factory, "", nil) }
func (a accessors) Autoscaling() autoscaling.Interface   { return autoscaling.New(a.factory, "", nil) }
func (a accessors) Batch() batch.Interface               { return batch.New(a.factory, "", nil) }
func (a accessors) Certificates() certificates.Interface { return certificates.New(a.factory, "", nil) }
func (a accessors) Coordination() coordination.Interface { return coordination.New(a.factory, "", nil) }
func (a accessors) Core() core.Interface                 { return core.New(a.factory, "", nil) }
func (a accessors) Discovery() discovery.Interface       { return discovery.New(a.factory, "", nil) }
func (a accessors) Events() events.Interface             { return events.New(a.factory, "", nil) }
func (a accessors) Extensions() extensions.Interface     { return extensions.New(a.factory, "", nil) }
func (a accessors) Flowcontrol() flowcontrol.Interface   { return flowcontrol.New(a.factory, "", nil) }
func (a accessors) Networking() networking.Interface     { return networking.New(a.factory, "", nil) }
func (a accessors) Node() node.Interface                 { return node.New(a.factory, "", nil) }
func (a accessors) Policy() policy.Interface             { return policy.New(a.factory, "", nil) }
func (a accessors) Rbac() rbac.Interface                 { return rbac.New(a.factory, "", nil) }
func (a accessors) Resource() resource.Interface         { return resource.New(a.factory, "", nil) }
func (a accessors) Scheduling() scheduling.Interface     { return scheduling.New(a.factory, "", nil) }
func (a accessors) Storage() storage.Interface           { return storage.New(a.factory, "", nil) }
func (a accessors) Storagemigration() storagemigration.Interface {
	return storagemigration.New(a.factory, "", nil)
}

// InformerName is nil: these informers publish no metrics of their own.
func (a accessors) InformerName() *cache.InformerName { return nil }

// WaitForCacheSync waits until every started informer has its first list.
func (a accessors) WaitForCacheSync(stop <-chan struct{}) map[reflect.Type]bool {
	return a.WaitForCacheSyncWithContext(wait.ContextForChannel(stop)).Synced
}

// WaitForCacheSyncWithContext waits until every started informer has its first list, or ctx ends.
func (a accessors) WaitForCacheSyncWithContext(ctx context.Context) cache.SyncResult {
	started := a.factory.startedInformers()
	checks := make([]cache.DoneChecker, 0, len(started))
	for _, informer := range started {
		checks = append(checks, informer.HasSyncedChecker())
	}
	out := cache.SyncResult{Synced: map[reflect.Type]bool{}}
	if !cache.WaitFor(ctx, "", checks...) {
		out.Err = context.Cause(ctx)
	}
	for t, informer := range started {
		out.Synced[t] = informer.HasSynced()
	}
	return out
}

// genericInformer is an informer of a resource whose type the caller does not know.
type genericInformer struct {
	informer cache.SharedIndexInformer
	resource schema.GroupResource
}

func (g genericInformer) Informer() cache.SharedIndexInformer { return g.informer }
func (g genericInformer) Lister() cache.GenericLister {
	return cache.NewGenericLister(g.informer.GetIndexer(), g.resource)
}

// ForResource returns the informer of a resource in the version that the server keeps in memory.
func (f *Informers) ForResource(r schema.GroupVersionResource) (informers.GenericInformer, error) {
	obj, err := f.newObject(r)
	if err != nil {
		return nil, fmt.Errorf("informer of %s: %w", r, err)
	}
	return genericInformer{f.InformerFor(obj, nil), r.GroupResource()}, nil
}
