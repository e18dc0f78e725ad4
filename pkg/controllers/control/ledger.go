package control

import (
	"container/heap"
	"reflect"
	"strconv"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/source"
)

// longestWait is how long a key waits at most until the caches show its own writes. It is a bound for faults (an informer
// that lost its server), logged when it is reached; no ordinary path depends on it.
const longestWait = 30 * time.Second

// Written is a kind that a controller writes, with the informer that will show its writes.
type Written struct {
	kind     reflect.Type
	informer cache.SharedIndexInformer
}

// Shows declares that writes of *T are shown by informer.
func Shows[T any](informer cache.SharedIndexInformer) Written {
	return Written{kind: reflect.TypeFor[*T](), informer: informer}
}

// ledger remembers for each key what was written for it and the caches do not show yet.
type ledger struct {
	caches map[reflect.Type]*shownCache // by the kind that is written; fixed at construction

	mu     sync.Mutex
	unseen map[Key]*unseenWrites // guarded by mu; an entry has at least one write
	queue  queue                 // guarded by mu; set when the sources start
	alarm  *time.Timer           // guarded by mu; armed while some key waits
	logger klog.Logger           // guarded by mu
}

// shownCache is an informer's cache, what it has shown, and which keys wait for it. All but informer is guarded by
// ledger.mu.
type shownCache struct {
	informer cache.SharedIndexInformer
	seen     uint64                      // highest resource version among the events
	versions versionHeap                 // of writes that were not seen when they were made, lowest first
	deletes  map[string]map[Key]struct{} // keys that deleted an object, by the object's key in the cache
}

// unseenWrites are the writes of one key that some cache does not show.
type unseenWrites struct {
	since    time.Time              // of the oldest
	waiting  bool                   // the key was held back, so it must be woken
	versions map[*shownCache]uint64 // highest resource version written
	deleted  map[types.UID]deletion // objects deleted
}

// deletion is a deletion that has to be seen.
type deletion struct {
	cache *shownCache
	key   string // of the object in the cache
	final bool   // the object itself must vanish; else its deletion timestamp is enough
}

func newLedger(written []Written) *ledger {
	l := &ledger{caches: map[reflect.Type]*shownCache{}, unseen: map[Key]*unseenWrites{}}
	for _, w := range written {
		l.caches[w.kind] = &shownCache{informer: w.informer, deletes: map[string]map[Key]struct{}{}}
	}
	return l
}

// start gives the ledger its logger, stop ends its alarm.
func (l *ledger) start(logger klog.Logger) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.logger = logger
}

func (l *ledger) stop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.alarm != nil {
		l.alarm.Stop()
	}
}

// sources are the handlers by which the ledger follows the informers.
func (l *ledger) sources() []source.Source {
	var all []source.Source
	for _, c := range l.caches {
		all = append(all, &watch{informer: c.informer, handler: func(q queue) cache.ResourceEventHandler {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.queue = q
			return follower{l, c}
		}})
	}
	return all
}

// wrote records that obj was returned by a create, update or patch made for key.
func (l *ledger) wrote(key Key, obj metav1.Object) {
	c := l.caches[reflect.TypeOf(obj)]
	version := parseVersion(obj.GetResourceVersion())
	if c == nil || version == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if c.shows(version) {
		return
	}
	u := l.unseenOf(key)
	u.versions[c] = max(u.versions[c], version)
	heap.Push(&c.versions, keyVersion{version, key})
}

// deleted records that obj was deleted for key. Objects that were on their way out and that nothing holds must vanish.
func (l *ledger) deleted(key Key, obj metav1.Object) {
	c := l.caches[reflect.TypeOf(obj)]
	if c == nil {
		return
	}
	ending := obj.GetDeletionTimestamp() != nil
	if ending && len(obj.GetFinalizers()) > 0 {
		return // shows nothing new
	}
	d := deletion{cache: c, key: storeKey(obj.GetNamespace(), obj.GetName()), final: ending}
	l.mu.Lock()
	defer l.mu.Unlock()
	if d.shown(obj.GetUID()) {
		return
	}
	l.unseenOf(key).deleted[obj.GetUID()] = d
	if c.deletes[d.key] == nil {
		c.deletes[d.key] = map[Key]struct{}{}
	}
	c.deletes[d.key][key] = struct{}{}
}

// unseenOf returns the entry of key, made if need be. mu is held.
func (l *ledger) unseenOf(key Key) *unseenWrites {
	u := l.unseen[key]
	if u == nil {
		u = &unseenWrites{since: time.Now(), versions: map[*shownCache]uint64{}, deleted: map[types.UID]deletion{}}
		l.unseen[key] = u
	}
	return u
}

// mustWait says whether key has to wait until the caches show its writes; if so, it will be put into the queue then.
func (l *ledger) mustWait(key Key, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	u := l.unseen[key]
	if u == nil || l.allSeen(key, u) {
		return false
	}
	if now.Sub(u.since) >= longestWait {
		l.logger.Info("Giving up waiting until the caches show own writes; the informers lag behind", "key", key.String(), "after", longestWait)
		l.forget(key, u)
		return false
	}
	u.waiting = true
	if l.alarm == nil {
		l.alarm = time.AfterFunc(longestWait, l.wakeOverdue)
	}
	return true
}

// allSeen strikes out what the caches show by now, and returns whether nothing is left; then the entry has gone. mu is
// held.
func (l *ledger) allSeen(key Key, u *unseenWrites) bool {
	for c, version := range u.versions {
		if c.shows(version) {
			delete(u.versions, c)
		}
	}
	for uid, d := range u.deleted {
		if d.shown(uid) {
			delete(u.deleted, uid)
			d.cache.forgetDelete(d.key, key)
		}
	}
	if len(u.versions)+len(u.deleted) > 0 {
		return false
	}
	l.forget(key, u)
	return true
}

// forget drops the entry of key and wakes the key when it was held back. Its versions stay in the heaps until they are
// passed. mu is held.
func (l *ledger) forget(key Key, u *unseenWrites) {
	delete(l.unseen, key)
	for _, d := range u.deleted {
		d.cache.forgetDelete(d.key, key)
	}
	if u.waiting && l.queue != nil {
		l.queue.Add(key)
	}
}

// wakeOverdue puts keys into the queue that have waited too long, where mustWait lets them pass.
func (l *ledger) wakeOverdue() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.alarm = nil
	next := time.Duration(0)
	for key, u := range l.unseen {
		if !u.waiting {
			continue
		}
		left := longestWait - time.Since(u.since)
		if left <= 0 {
			l.queue.Add(key)
			continue
		}
		next = Sooner(next, left)
	}
	if next > 0 {
		l.alarm = time.AfterFunc(next, l.wakeOverdue)
	}
}

// changed looks at the keys for which an event of obj may be the one that they wait for. Each write is looked at once when
// its version is reached, however many keys wait. mu is held.
func (l *ledger) changed(c *shownCache, obj metav1.Object) {
	c.seen = max(c.seen, parseVersion(obj.GetResourceVersion()))
	for len(c.versions) > 0 && c.versions[0].version <= c.seen {
		l.look(heap.Pop(&c.versions).(keyVersion).key)
	}
	for key := range c.deletes[storeKey(obj.GetNamespace(), obj.GetName())] {
		l.look(key)
	}
}

func (l *ledger) look(key Key) {
	if u := l.unseen[key]; u != nil {
		l.allSeen(key, u)
	}
}

// shows says whether everything up to version is in the cache.
func (c *shownCache) shows(version uint64) bool {
	return c.seen >= version || parseVersion(c.informer.GetStore().LastStoreSyncResourceVersion()) >= version
}

func (c *shownCache) forgetDelete(object string, key Key) {
	delete(c.deletes[object], key)
	if len(c.deletes[object]) == 0 {
		delete(c.deletes, object)
	}
}

// shown says whether the cache shows that the object with uid is deleted.
func (d deletion) shown(uid types.UID) bool {
	item, found, err := d.cache.informer.GetStore().GetByKey(d.key)
	if err != nil || !found {
		return true
	}
	obj, ok := item.(metav1.Object)
	return !ok || obj.GetUID() != uid || (!d.final && obj.GetDeletionTimestamp() != nil)
}

// follower is the handler by which the ledger follows one informer.
type follower struct {
	ledger *ledger
	cache  *shownCache
}

func (f follower) OnAdd(obj any, _ bool) { f.event(obj) }
func (f follower) OnUpdate(_, obj any)   { f.event(obj) }
func (f follower) OnDelete(obj any) {
	if tombstone, ok := obj.(cache.DeletedFinalStateUnknown); ok {
		obj = tombstone.Obj
	}
	f.event(obj)
}

func (f follower) event(item any) {
	if obj, ok := item.(metav1.Object); ok {
		f.ledger.mu.Lock()
		defer f.ledger.mu.Unlock()
		f.ledger.changed(f.cache, obj)
	}
}

// keyVersion is a resource version that was written for a key.
type keyVersion struct {
	version uint64
	key     Key
}

// versionHeap implements heap.Interface; the lowest version comes first.
type versionHeap []keyVersion

func (h versionHeap) Len() int           { return len(h) }
func (h versionHeap) Less(i, j int) bool { return h[i].version < h[j].version }
func (h versionHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *versionHeap) Push(one any)      { *h = append(*h, one.(keyVersion)) }
func (h *versionHeap) Pop() any {
	last := len(*h) - 1
	one := (*h)[last]
	*h = (*h)[:last]
	return one
}

// parseVersion reads a resource version. They are comparable integers (KEP-5504); 0 stands for none.
func parseVersion(version string) uint64 {
	n, err := strconv.ParseUint(version, 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// storeKey is the key of an object in an informer's store.
func storeKey(namespace, name string) string {
	return cache.NewObjectName(namespace, name).String()
}
