package histories

import (
	"cmp"
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/conversion"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/storage"
)

// database keeps encoded objects in memory, as etcd does: each write has a revision, and each watch sees all of them in
// order. Unlike etcd it can hold the events of a resource back.
type database struct {
	mu       sync.Mutex
	revision uint64                          // guarded by mu; of the last write
	objects  map[string]record               // guarded by mu; by key
	log      []change                        // guarded by mu; all writes
	held     map[schema.GroupResource]uint64 // guarded by mu; later revisions of these resources are shown to nobody yet
	watchers map[*watcher]struct{}           // guarded by mu
}

// record is a stored object.
type record struct {
	data     []byte
	revision uint64
}

// change is one write. before or after is nil when the object was created or deleted.
type change struct {
	resource      schema.GroupResource
	key           string
	revision      uint64
	before, after []byte
}

func newDatabase() *database {
	return &database{
		revision: 1, objects: map[string]record{},
		held: map[schema.GroupResource]uint64{}, watchers: map[*watcher]struct{}{},
	}
}

// put writes data (nil deletes) if the key still has the revision that the writer saw; 0 stands for no object.
func (d *database) put(resource schema.GroupResource, key string, data []byte, seen uint64) (revision uint64, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	current := d.objects[key]
	if current.revision != seen {
		return 0, false
	}
	d.revision++
	d.log = append(d.log, change{resource: resource, key: key, revision: d.revision, before: current.data, after: data})
	if data == nil {
		delete(d.objects, key)
	} else {
		d.objects[key] = record{data, d.revision}
	}
	d.wake()
	return d.revision, true
}

// wake makes all watchers look for changes. mu is held.
func (d *database) wake() {
	for w := range d.watchers {
		w.wake()
	}
}

// hold shows no further event of a resource.
func (d *database) hold(resource schema.GroupResource) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, held := d.held[resource]; !held {
		d.held[resource] = d.revision
	}
}

// holdNoMore shows all events of a resource again.
func (d *database) holdNoMore(resource schema.GroupResource) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.held, resource)
	d.wake()
}

// heldBack is how many events of a resource are held back.
func (d *database) heldBack(resource schema.GroupResource) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.hidden(resource))
}

// showNext shows the next event of a resource that is held back, and returns how many still are.
func (d *database) showNext(resource schema.GroupResource) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	hidden := d.hidden(resource)
	if len(hidden) == 0 {
		return 0
	}
	d.held[resource] = hidden[0]
	d.wake()
	return len(hidden) - 1
}

// hidden are the revisions of a resource that are held back. mu is held.
func (d *database) hidden(resource schema.GroupResource) (all []uint64) {
	shown, held := d.held[resource]
	if !held {
		return nil
	}
	first, _ := slices.BinarySearchFunc(d.log, shown+1, byRevision)
	for _, c := range d.log[first:] {
		if c.resource == resource {
			all = append(all, c.revision)
		}
	}
	return all
}

// byRevision searches the log.
func byRevision(c change, revision uint64) int { return cmp.Compare(c.revision, revision) }

// memory is the storage of one resource in a database.
type memory struct {
	storage.APIObjectVersioner
	db       *database
	resource schema.GroupResource
	codec    runtime.Codec
	newFunc  func() runtime.Object
}

var _ storage.Interface = (*memory)(nil)

func (m *memory) Versioner() storage.Versioner                        { return m.APIObjectVersioner }
func (m *memory) ReadinessCheck() error                               { return nil }
func (m *memory) RequestWatchProgress(context.Context) error          { return nil }
func (m *memory) EnableResourceSizeEstimation(storage.KeysFunc) error { return nil }
func (m *memory) CompactRevision() int64                              { return 0 }
func (m *memory) Stats(context.Context) (storage.Stats, error)        { return storage.Stats{}, nil }
func (m *memory) GetCurrentResourceVersion(context.Context) (uint64, error) {
	m.db.mu.Lock()
	defer m.db.mu.Unlock()
	return m.db.revision, nil
}

// Create implements storage.Interface.
func (m *memory) Create(_ context.Context, key string, obj, out runtime.Object, _ uint64) error {
	if version, err := m.ObjectResourceVersion(obj); err == nil && version != 0 {
		return storage.ErrResourceVersionSetOnCreate
	}
	data, err := m.encode(obj)
	if err != nil {
		return err
	}
	revision, ok := m.db.put(m.resource, key, data, 0)
	if !ok {
		return storage.NewKeyExistsError(key, 0)
	}
	return m.decode(data, revision, out)
}

// Delete implements storage.Interface.
func (m *memory) Delete(ctx context.Context, key string, out runtime.Object, preconditions *storage.Preconditions,
	validate storage.ValidateObjectFunc, _ runtime.Object, _ storage.DeleteOptions) error {
	for {
		obj, current, err := m.read(key)
		if err != nil {
			return err
		}
		if err := preconditions.Check(key, obj); err != nil {
			return err
		}
		if err := validate(ctx, obj); err != nil {
			return err
		}
		if revision, ok := m.db.put(m.resource, key, nil, current.revision); ok {
			return m.decode(current.data, revision, out)
		}
	}
}

// GuaranteedUpdate implements storage.Interface.
func (m *memory) GuaranteedUpdate(_ context.Context, key string, out runtime.Object, ignoreNotFound bool,
	preconditions *storage.Preconditions, update storage.UpdateFunc, _ runtime.Object) error {
	for {
		obj, current, err := m.read(key)
		if storage.IsNotFound(err) && ignoreNotFound {
			obj, err = m.newFunc(), nil
		}
		if err != nil {
			return err
		}
		if err := preconditions.Check(key, obj); err != nil {
			return err
		}
		next, _, err := update(obj, storage.ResponseMeta{ResourceVersion: current.revision})
		if err != nil {
			return err
		}
		data, err := m.encode(next)
		if err != nil {
			return err
		}
		if slices.Equal(data, current.data) {
			return m.decode(data, current.revision, out)
		}
		if revision, ok := m.db.put(m.resource, key, data, current.revision); ok {
			return m.decode(data, revision, out)
		}
	}
}

// Get implements storage.Interface.
func (m *memory) Get(_ context.Context, key string, options storage.GetOptions, out runtime.Object) error {
	_, current, err := m.read(key)
	if storage.IsNotFound(err) && options.IgnoreNotFound {
		return runtime.SetZeroValue(out)
	}
	if err != nil {
		return err
	}
	return m.decode(current.data, current.revision, out)
}

// GetList implements storage.Interface. It is never stale and never in pages.
func (m *memory) GetList(_ context.Context, key string, options storage.ListOptions, list runtime.Object) error {
	items, err := meta.GetItemsPtr(list)
	if err != nil {
		return fmt.Errorf("list %s: %w", m.resource, err)
	}
	slice, err := conversion.EnforcePtr(items)
	if err != nil {
		return fmt.Errorf("list %s: %w", m.resource, err)
	}
	matching, revision := m.below(key, options.Recursive)
	for _, one := range matching {
		obj := m.newFunc()
		if err := m.decode(one.data, one.revision, obj); err != nil {
			return err
		}
		if ok, err := options.Predicate.Matches(obj); err != nil || !ok {
			continue
		}
		slice.Set(reflect.Append(slice, reflect.ValueOf(obj).Elem()))
	}
	return m.UpdateList(list, revision, "", nil)
}

// below returns the objects at or below a key, sorted, and the revision of the database.
func (m *memory) below(key string, recursive bool) ([]record, uint64) {
	m.db.mu.Lock()
	defer m.db.mu.Unlock()
	var keys []string
	for k := range m.db.objects {
		if within(k, key, recursive) {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	all := make([]record, 0, len(keys))
	for _, k := range keys {
		all = append(all, m.db.objects[k])
	}
	return all, m.db.revision
}

func within(k, key string, recursive bool) bool {
	return k == key || recursive && strings.HasPrefix(k, strings.TrimSuffix(key, "/")+"/")
}

// read returns what is stored at a key.
func (m *memory) read(key string) (runtime.Object, record, error) {
	m.db.mu.Lock()
	current, found := m.db.objects[key]
	m.db.mu.Unlock()
	if !found {
		return nil, record{}, storage.NewKeyNotFoundError(key, 0)
	}
	obj := m.newFunc()
	return obj, current, m.decode(current.data, current.revision, obj)
}

func (m *memory) encode(obj runtime.Object) ([]byte, error) {
	if err := m.PrepareObjectForStorage(obj); err != nil {
		return nil, fmt.Errorf("encode %s: %w", m.resource, err)
	}
	data, err := runtime.Encode(m.codec, obj)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", m.resource, err)
	}
	return data, nil
}

// decode reads data into out; nil means that nobody wants it.
func (m *memory) decode(data []byte, revision uint64, out runtime.Object) error {
	if out == nil {
		return nil
	}
	if err := runtime.SetZeroValue(out); err != nil {
		return fmt.Errorf("decode %s: %w", m.resource, err)
	}
	if _, _, err := m.codec.Decode(data, nil, out); err != nil {
		return fmt.Errorf("decode %s: %w", m.resource, err)
	}
	return m.UpdateObject(out, revision)
}
