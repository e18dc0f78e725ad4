package controltest

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/rand"
	"k8s.io/apimachinery/pkg/util/uuid"
	"k8s.io/apimachinery/pkg/watch"
)

// object is one stored object; it is replaced, never modified, so that it can be handed out.
type object = *unstructured.Unstructured

// change is one entry of the log that watches read.
type change struct {
	resource schema.GroupResource
	kind     watch.EventType
	object   object
}

// store keeps the objects and the log of changes.
type store struct {
	mu      sync.Mutex
	grown   *sync.Cond                                               // broadcast when log, held or closed change
	version uint64                                                   // guarded by mu; of the last write
	objects map[schema.GroupResource]map[types.NamespacedName]object // guarded by mu
	log     []change                                                 // guarded by mu; only grows
	held    map[schema.GroupResource]bool                            // guarded by mu; resources whose watches stand still
	// activity counts writes and requests, for those who wait for the one or the other; guarded by mu
	activity uint64
	closed   bool // guarded by mu
}

func newStore() *store {
	// Versions start high, so that they have equal length and nothing depends on it that they are small.
	s := &store{version: 1000, objects: map[schema.GroupResource]map[types.NamespacedName]object{}, held: map[schema.GroupResource]bool{}}
	s.grown = sync.NewCond(&s.mu)
	return s
}

// get returns a stored object.
func (s *store) get(resource schema.GroupResource, name types.NamespacedName) (object, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.find(resource, name)
}

// find is get with mu held.
func (s *store) find(resource schema.GroupResource, name types.NamespacedName) (object, error) {
	if obj := s.objects[resource][name]; obj != nil {
		return obj, nil
	}
	return nil, apierrors.NewNotFound(resource, name.Name)
}

// list returns the objects of a resource in the order of their names, and the version of the list.
func (s *store) list(resource schema.GroupResource, namespace string) ([]object, uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []object
	for _, name := range slices.SortedFunc(maps.Keys(s.objects[resource]), func(a, b types.NamespacedName) int {
		return compareNames(a, b)
	}) {
		if namespace == "" || name.Namespace == namespace {
			all = append(all, s.objects[resource][name])
		}
	}
	return all, s.version
}

func compareNames(a, b types.NamespacedName) int {
	switch {
	case a.String() < b.String():
		return -1
	case a.String() > b.String():
		return 1
	default:
		return 0
	}
}

// create stores a new object.
func (s *store) create(resource schema.GroupResource, obj object) (object, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	obj = obj.DeepCopy()
	if obj.GetName() == "" && obj.GetGenerateName() != "" {
		obj.SetName(obj.GetGenerateName() + rand.String(5))
	}
	name := nameOf(obj)
	if s.objects[resource][name] != nil {
		return nil, apierrors.NewAlreadyExists(resource, name.Name)
	}
	if obj.GetUID() == "" {
		obj.SetUID(uuid.NewUUID())
	}
	if obj.GetCreationTimestamp().Time.IsZero() {
		obj.SetCreationTimestamp(metav1.NewTime(time.Now().Truncate(time.Second)))
	}
	if obj.GetGeneration() == 0 {
		obj.SetGeneration(1)
	}
	s.write(resource, watch.Added, obj)
	return obj, nil
}

// modify replaces an object by what change makes of a copy of it. An object that is being deleted and that nothing
// holds any more is removed.
func (s *store) modify(resource schema.GroupResource, name types.NamespacedName, change func(obj object) error) (object, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old, err := s.find(resource, name)
	if err != nil {
		return nil, err
	}
	obj := old.DeepCopy()
	if err := change(obj); err != nil {
		return nil, err
	}
	if !equal(old.Object["spec"], obj.Object["spec"]) {
		obj.SetGeneration(old.GetGeneration() + 1)
	}
	obj.SetResourceVersion(old.GetResourceVersion())
	if equal(old.Object, obj.Object) {
		return old, nil
	}
	if obj.GetDeletionTimestamp() != nil && !heldBack(obj) {
		s.write(resource, watch.Deleted, obj)
		return obj, nil
	}
	s.write(resource, watch.Modified, obj)
	return obj, nil
}

// heldBack says whether something must still be done before an object under deletion can go.
func heldBack(obj object) bool {
	if len(obj.GetFinalizers()) > 0 {
		return true
	}
	if finalizers, _, _ := unstructured.NestedSlice(obj.Object, "spec", "finalizers"); obj.GetKind() == "Namespace" && len(finalizers) > 0 {
		return true
	}
	grace := obj.GetDeletionGracePeriodSeconds()
	return grace != nil && *grace > 0
}

// write gives obj the next version, stores or removes it, and tells the watches. mu is held.
func (s *store) write(resource schema.GroupResource, kind watch.EventType, obj object) {
	s.version++
	obj.SetResourceVersion(strconv.FormatUint(s.version, 10))
	if s.objects[resource] == nil {
		s.objects[resource] = map[types.NamespacedName]object{}
	}
	if kind == watch.Deleted {
		delete(s.objects[resource], nameOf(obj))
	} else {
		s.objects[resource][nameOf(obj)] = obj
	}
	s.log = append(s.log, change{resource, kind, obj})
	s.activity++
	s.grown.Broadcast()
}

// note tells those who wait that a request has come.
func (s *store) note() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.activity++
	s.grown.Broadcast()
}

// position is the place in the log after all changes up to version.
func (s *store) position(version uint64) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.IndexFunc(append(slices.Clone(s.log), change{object: versioned(s.version + 1)}), func(c change) bool {
		return versionOf(c.object) > version
	})
}

// next waits for the change of resource at or after place and returns it with the place after it. ok is false when the
// store has been closed or done says so.
func (s *store) next(resource schema.GroupResource, place int, done func() bool) (c change, after int, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		for ; place < len(s.log) && !s.held[resource]; place++ {
			if s.log[place].resource == resource {
				return s.log[place], place + 1, true
			}
		}
		if s.closed || done() {
			return change{}, place, false
		}
		s.grown.Wait()
	}
}

// hold stops or continues the watches of a resource.
func (s *store) hold(resource schema.GroupResource, held bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held[resource] = held
	s.grown.Broadcast()
}

// wake lets the watches look whether they are done.
func (s *store) wake() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.grown.Broadcast()
}

func (s *store) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	s.grown.Broadcast()
}

func nameOf(obj object) types.NamespacedName {
	return types.NamespacedName{Namespace: obj.GetNamespace(), Name: obj.GetName()}
}

func versionOf(obj object) uint64 {
	n, err := strconv.ParseUint(obj.GetResourceVersion(), 10, 64)
	if err != nil {
		panic(fmt.Sprintf("stored object without version: %v", err))
	}
	return n
}

func versioned(version uint64) object {
	obj := &unstructured.Unstructured{Object: map[string]any{}}
	obj.SetResourceVersion(strconv.FormatUint(version, 10))
	return obj
}
