package proxy

import (
	"slices"
	"sync"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/tools/cache"
)

// tracker keeps the newest Services, EndpointSlices and Node, and which Services
// something changed for. The objects belong to the informers and are only read.
type tracker struct {
	nodeName string
	// wake has one token while there are changes to take.
	wake   chan struct{}
	synced []cache.InformerSynced
	// onChange is called with every change that matters.
	onChange func()

	mu sync.Mutex
	// All below is guarded by mu.
	services map[types.NamespacedName]*corev1.Service
	slices   map[types.NamespacedName]map[string]*discoveryv1.EndpointSlice
	// owners has the Service of each slice.
	owners   map[types.NamespacedName]types.NamespacedName
	node     *corev1.Node
	dirty    map[types.NamespacedName]bool
	allDirty bool
}

func newTracker(factory informers.SharedInformerFactory, nodeName string, onChange func()) (*tracker, error) {
	t := &tracker{
		nodeName: nodeName,
		wake:     make(chan struct{}, 1),
		onChange: onChange,
		services: map[types.NamespacedName]*corev1.Service{},
		slices:   map[types.NamespacedName]map[string]*discoveryv1.EndpointSlice{},
		owners:   map[types.NamespacedName]types.NamespacedName{},
		dirty:    map[types.NamespacedName]bool{},
	}
	for _, source := range []struct {
		informer cache.SharedIndexInformer
		handler  cache.ResourceEventHandler
	}{
		{factory.Core().V1().Services().Informer(), handlerFor(t.setService)},
		{factory.Discovery().V1().EndpointSlices().Informer(), handlerFor(t.setSlice)},
		{factory.Core().V1().Nodes().Informer(), handlerFor(t.setNode)},
	} {
		registration, err := source.informer.AddEventHandler(source.handler)
		if err != nil {
			return nil, err
		}
		t.synced = append(t.synced, registration.HasSynced)
	}
	return t, nil
}

// handlerFor calls set with each version of an object that comes (gone is false) and
// with the last one of an object that goes.
func handlerFor[T any](set func(object *T, gone bool)) cache.ResourceEventHandler {
	return cache.ResourceEventHandlerFuncs{
		AddFunc: func(object any) { call(set, object, false) },
		UpdateFunc: func(_, object any) {
			call(set, object, false)
		},
		DeleteFunc: func(object any) {
			if unknown, ok := object.(cache.DeletedFinalStateUnknown); ok {
				object = unknown.Obj
			}
			call(set, object, true)
		},
	}
}

func call[T any](set func(*T, bool), object any, gone bool) {
	if typed, ok := object.(*T); ok {
		set(typed, gone)
	}
}

func (t *tracker) setService(svc *corev1.Service, gone bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	name := types.NamespacedName{Namespace: svc.Namespace, Name: svc.Name}
	if gone {
		delete(t.services, name)
	} else {
		t.services[name] = svc
	}
	t.markLocked(name)
}

func (t *tracker) setSlice(slice *discoveryv1.EndpointSlice, gone bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	name := types.NamespacedName{Namespace: slice.Namespace, Name: slice.Name}
	// A slice can be given to another Service by its label.
	if owner, known := t.owners[name]; known {
		delete(t.owners, name)
		delete(t.slices[owner], slice.Name)
		if len(t.slices[owner]) == 0 {
			delete(t.slices, owner)
		}
		t.markLocked(owner)
	}
	owner := types.NamespacedName{Namespace: slice.Namespace, Name: slice.Labels[discoveryv1.LabelServiceName]}
	if gone || owner.Name == "" {
		return
	}
	t.owners[name] = owner
	if t.slices[owner] == nil {
		t.slices[owner] = map[string]*discoveryv1.EndpointSlice{}
	}
	t.slices[owner][slice.Name] = slice
	t.markLocked(owner)
}

func (t *tracker) setNode(node *corev1.Node, gone bool) {
	if node.Name != t.nodeName {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if gone {
		return
	}
	old := t.node
	t.node = node
	if old == nil || !sameForProxy(old, node) {
		t.allDirty = true
		t.signalLocked()
	}
}

// sameForProxy compares what the proxy reads of a Node; kubelets update the rest often.
func sameForProxy(a, b *corev1.Node) bool {
	return a.Labels[corev1.LabelTopologyZone] == b.Labels[corev1.LabelTopologyZone] &&
		slices.Equal(a.Status.Addresses, b.Status.Addresses) &&
		slices.Equal(a.Spec.PodCIDRs, b.Spec.PodCIDRs) &&
		leaving(a) == leaving(b)
}

// markAll makes all Services be looked at again.
func (t *tracker) markAll() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.allDirty = true
	t.signalLocked()
}

func (t *tracker) markLocked(name types.NamespacedName) {
	t.dirty[name] = true
	t.signalLocked()
}

func (t *tracker) signalLocked() {
	t.onChange()
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// take returns the Services to look at, and the Node, and forgets them.
func (t *tracker) take() (names []types.NamespacedName, node *corev1.Node) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.allDirty {
		for name := range t.services {
			t.dirty[name] = true
		}
	}
	for name := range t.dirty {
		names = append(names, name)
	}
	t.dirty, t.allDirty = map[types.NamespacedName]bool{}, false
	return names, t.node
}

// get returns the newest Service and its EndpointSlices; nil if there is none.
func (t *tracker) get(name types.NamespacedName) (*corev1.Service, []*discoveryv1.EndpointSlice) {
	t.mu.Lock()
	defer t.mu.Unlock()
	list := make([]*discoveryv1.EndpointSlice, 0, len(t.slices[name]))
	for _, slice := range t.slices[name] {
		list = append(list, slice)
	}
	return t.services[name], list
}
