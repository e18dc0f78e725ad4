package inprocess

import (
	"context"
	"fmt"
	"reflect"
	"sync"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/internalversion"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/client-go/tools/cache"
)

// Store is a resource in the registry.
type Store interface {
	rest.Lister
	rest.Watcher
}

// Informers is a informers.SharedInformerFactory on the registry.
type Informers struct {
	accessors
	resourceOf func(runtime.Object) (schema.GroupResource, error)
	newObject  func(schema.GroupVersionResource) (runtime.Object, error)

	mu        sync.Mutex
	stores    map[schema.GroupResource]Store // nil until Bind
	bound     chan struct{}                  // closed by Bind
	informers map[schema.GroupResource]cache.SharedIndexInformer
	types     map[schema.GroupResource]reflect.Type
	started   map[schema.GroupResource]bool
	running   sync.WaitGroup
	stopping  bool
}

// NewInformers returns a factory without informers. resourceOf names the resource of a Go type, newObject makes an
// object of a resource's type.
func NewInformers(resourceOf func(runtime.Object) (schema.GroupResource, error), newObject func(schema.GroupVersionResource) (runtime.Object, error)) *Informers {
	f := &Informers{
		resourceOf: resourceOf,
		newObject:  newObject,
		bound:      make(chan struct{}),
		informers:  map[schema.GroupResource]cache.SharedIndexInformer{},
		types:      map[schema.GroupResource]reflect.Type{},
		started:    map[schema.GroupResource]bool{},
	}
	f.accessors = accessors{f}
	return f
}

// Bind gives the stores of all resources. Informers that were started before begin to list.
func (f *Informers) Bind(stores map[schema.GroupResource]Store) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stores = stores
	close(f.bound)
}

// InformerFor returns the one informer of obj's resource. It makes it itself and never calls newFunc, which would go by
// the network.
func (f *Informers) InformerFor(obj runtime.Object, _ newInformerFunc) cache.SharedIndexInformer {
	resource, err := f.resourceOf(obj)
	if err != nil {
		// The caller's type is fixed at compile time: it is not a kind of this server.
		panic(fmt.Sprintf("informer of %T: %v", obj, err))
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if informer, ok := f.informers[resource]; ok {
		return informer
	}
	informer := cache.NewSharedIndexInformer(&source{f, resource}, obj, 0,
		cache.Indexers{cache.NamespaceIndex: cache.MetaNamespaceIndexFunc})
	// Neither call fails on an informer that has not started.
	_ = informer.SetTransform(withoutManagedFields)
	f.informers[resource] = informer
	f.types[resource] = reflect.TypeOf(obj)
	return informer
}

// Start runs the informers that were asked for and do not run yet, until stop is closed.
func (f *Informers) Start(stop <-chan struct{}) { f.StartWithContext(wait.ContextForChannel(stop)) }

// StartWithContext is Start until ctx ends.
func (f *Informers) StartWithContext(ctx context.Context) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.stopping {
		return
	}
	for resource, informer := range f.informers {
		if f.started[resource] {
			continue
		}
		f.started[resource] = true
		f.running.Go(func() { informer.RunWithContext(ctx) })
	}
}

func (f *Informers) startedInformers() map[reflect.Type]cache.SharedIndexInformer {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := map[reflect.Type]cache.SharedIndexInformer{}
	for resource := range f.started {
		out[f.types[resource]] = f.informers[resource]
	}
	return out
}

// Shutdown waits until all informers have ended; none starts afterwards.
func (f *Informers) Shutdown() {
	f.mu.Lock()
	f.stopping = true
	f.mu.Unlock()
	f.running.Wait()
}

// source lists and watches one resource in the registry.
type source struct {
	factory  *Informers
	resource schema.GroupResource
}

// IsWatchListSemanticsUnSupported tells the reflector to list: the registry's lists cost nothing here.
func (s *source) IsWatchListSemanticsUnSupported() bool { return true }

func (s *source) List(options metav1.ListOptions) (runtime.Object, error) {
	return s.ListWithContext(context.Background(), options)
}

func (s *source) Watch(options metav1.ListOptions) (watch.Interface, error) {
	return s.WatchWithContext(context.Background(), options)
}

func (s *source) ListWithContext(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
	store, in, err := s.prepare(ctx, &options)
	if err != nil {
		return nil, err
	}
	return store.List(s.context(ctx), in)
}

func (s *source) WatchWithContext(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
	store, in, err := s.prepare(ctx, &options)
	if err != nil {
		return nil, err
	}
	w, err := store.Watch(s.context(ctx), in)
	if err != nil {
		return nil, err
	}
	return newUnwrapped(w), nil
}

func (s *source) prepare(ctx context.Context, options *metav1.ListOptions) (Store, *internalversion.ListOptions, error) {
	select {
	case <-s.factory.bound:
	case <-ctx.Done():
		return nil, nil, ctx.Err()
	}
	store, ok := s.factory.stores[s.resource]
	if !ok {
		return nil, nil, fmt.Errorf("list %s in process: the server has no such resource", s.resource)
	}
	in := &internalversion.ListOptions{}
	if err := internalversion.Convert_v1_ListOptions_To_internalversion_ListOptions(options, in, nil); err != nil {
		return nil, nil, fmt.Errorf("list %s in process: %w", s.resource, err)
	}
	in.Limit = 0
	in.TimeoutSeconds = nil
	return store, in, nil
}

func (s *source) context(ctx context.Context) context.Context {
	return request.WithRequestInfo(request.WithNamespace(ctx, metav1.NamespaceAll), &request.RequestInfo{
		IsResourceRequest: true, APIGroup: s.resource.Group, Resource: s.resource.Resource, Verb: "watch",
	})
}

// unwrapped is a watch whose objects are taken out of the watch cache's wrapping, in which several watchers share their
// encoded form.
type unwrapped struct {
	watch.Interface
	events  chan watch.Event
	stopped chan struct{}
	stop    sync.Once
}

func newUnwrapped(w watch.Interface) *unwrapped {
	u := &unwrapped{Interface: w, events: make(chan watch.Event), stopped: make(chan struct{})}
	go u.run()
	return u
}

// run ends with the watch below, or when nobody reads any more: whoever stops a watch leaves what is on the way.
func (u *unwrapped) run() {
	defer close(u.events)
	for e := range u.Interface.ResultChan() {
		if wrapped, ok := e.Object.(runtime.CacheableObject); ok {
			e.Object = wrapped.GetObject()
		}
		select {
		case u.events <- e:
		case <-u.stopped:
			return
		}
	}
}

func (u *unwrapped) ResultChan() <-chan watch.Event { return u.events }

func (u *unwrapped) Stop() {
	u.stop.Do(func() { close(u.stopped) })
	u.Interface.Stop()
}

// withoutManagedFields returns a copy of the object's top level without managedFields, which nobody in the process
// reads and which are near half of an object. What is below the top level is shared with the watch cache.
func withoutManagedFields(o any) (any, error) {
	m, err := meta.Accessor(o)
	if err != nil {
		return nil, fmt.Errorf("strip managed fields: %w", err)
	}
	if len(m.GetManagedFields()) == 0 {
		return o, nil
	}
	old := reflect.ValueOf(o)
	fresh := reflect.New(old.Type().Elem())
	fresh.Elem().Set(old.Elem())
	fresh.Interface().(metav1.Object).SetManagedFields(nil)
	return fresh.Interface(), nil
}
