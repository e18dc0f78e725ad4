package control

import (
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

// patience is how long a key waits for its own writes at most. It is a bound for faults (an informer that lost its
// server), logged when it is reached; no ordinary path depends on it.
const patience = 30 * time.Second

// Written is a kind that a controller writes, with the informer that will show its writes.
type Written struct {
	kind     reflect.Type
	informer cache.SharedIndexInformer
}

// Shows declares that writes of *T are shown by informer.
func Shows[T any](informer cache.SharedIndexInformer) Written {
	return Written{kind: reflect.TypeFor[*T](), informer: informer}
}

// ledger remembers for each key what was written for it and has not been seen yet.
type ledger struct {
	kinds map[reflect.Type]*view // fixed at construction

	mu     sync.Mutex
	debts  map[Key]*debt // guarded by mu; an entry has at least one unseen write
	queue  queue         // guarded by mu; set when the sources start
	alarm  *time.Timer   // guarded by mu; armed while some key waits
	logger klog.Logger   // guarded by mu
}

// view is what one informer has shown.
type view struct {
	informer cache.SharedIndexInformer
	seen     uint64           // guarded by ledger.mu; highest resource version among the events
	debtors  map[Key]struct{} // guarded by ledger.mu; keys with a debt in this view
}

// debt is what a key still has to see.
type debt struct {
	since    time.Time         // of the oldest unseen write
	waiting  bool              // the key was held back, so it must be woken
	versions map[*view]uint64  // highest resource version written
	gone     map[types.UID]end // objects deleted
}

// end is a deletion that has to be seen.
type end struct {
	view  *view
	key   string // in the informer's store
	final bool   // the object itself must vanish; else its deletion timestamp is enough
}

func newLedger(written []Written) *ledger {
	l := &ledger{kinds: map[reflect.Type]*view{}, debts: map[Key]*debt{}}
	for _, w := range written {
		l.kinds[w.kind] = &view{informer: w.informer, debtors: map[Key]struct{}{}}
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
	for _, v := range l.kinds {
		all = append(all, &watch{informer: v.informer, handler: func(q queue) cache.ResourceEventHandler {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.queue = q
			return shown{l, v}
		}})
	}
	return all
}

// wrote records that obj was returned by a create, update or patch made for key.
func (l *ledger) wrote(key Key, obj metav1.Object) {
	v := l.kinds[reflect.TypeOf(obj)]
	version := parseVersion(obj.GetResourceVersion())
	if v == nil || version == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	d := l.owes(key, v)
	d.versions[v] = max(d.versions[v], version)
	l.settle(key, d)
}

// deleted records that obj was deleted for key. Objects that were on their way out and that nothing holds must vanish.
func (l *ledger) deleted(key Key, obj metav1.Object) {
	v := l.kinds[reflect.TypeOf(obj)]
	if v == nil {
		return
	}
	ending := obj.GetDeletionTimestamp() != nil
	if ending && len(obj.GetFinalizers()) > 0 {
		return // shows nothing new
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	d := l.owes(key, v)
	d.gone[obj.GetUID()] = end{view: v, key: storeKey(obj.GetNamespace(), obj.GetName()), final: ending}
	l.settle(key, d)
}

// owes returns the debt of key, with an entry among the debtors of v. mu is held.
func (l *ledger) owes(key Key, v *view) *debt {
	d := l.debts[key]
	if d == nil {
		d = &debt{since: time.Now(), versions: map[*view]uint64{}, gone: map[types.UID]end{}}
		l.debts[key] = d
	}
	v.debtors[key] = struct{}{}
	return d
}

// hold says whether key has to wait for its writes; if so, it will be put into the queue when they have been seen.
func (l *ledger) hold(key Key, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	d := l.debts[key]
	if d == nil || l.settle(key, d) {
		return false
	}
	if now.Sub(d.since) >= patience {
		l.logger.Info("Giving up waiting for own writes to be shown; the informers lag behind", "key", key.String(), "after", patience)
		l.forgive(key, d)
		return false
	}
	d.waiting = true
	if l.alarm == nil {
		l.alarm = time.AfterFunc(patience, l.wakeOverdue)
	}
	return true
}

// settle strikes out what has been shown by now. It returns true when nothing is left. mu is held.
func (l *ledger) settle(key Key, d *debt) bool {
	for v, version := range d.versions {
		if v.shows(version) {
			delete(d.versions, v)
		}
	}
	for uid, e := range d.gone {
		if e.shown(uid) {
			delete(d.gone, uid)
		}
	}
	if len(d.versions)+len(d.gone) > 0 {
		return false
	}
	l.forgive(key, d)
	return true
}

// forgive drops the debt of key and wakes the key when it was held back. mu is held.
func (l *ledger) forgive(key Key, d *debt) {
	delete(l.debts, key)
	for _, v := range l.kinds {
		delete(v.debtors, key)
	}
	if d.waiting && l.queue != nil {
		l.queue.Add(key)
	}
}

// wakeOverdue puts keys into the queue that have waited too long, where hold lets them pass.
func (l *ledger) wakeOverdue() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.alarm = nil
	next := time.Duration(0)
	for key, d := range l.debts {
		if !d.waiting {
			continue
		}
		left := patience - time.Since(d.since)
		if left <= 0 {
			l.queue.Add(key)
			continue
		}
		if next == 0 || left < next {
			next = left
		}
	}
	if next > 0 {
		l.alarm = time.AfterFunc(next, l.wakeOverdue)
	}
}

// shows says whether everything up to version is in the informer's store.
func (v *view) shows(version uint64) bool {
	return v.seen >= version || parseVersion(v.informer.GetStore().LastStoreSyncResourceVersion()) >= version
}

// shown says whether the informer's store shows that the object with uid is deleted.
func (e end) shown(uid types.UID) bool {
	item, found, err := e.view.informer.GetStore().GetByKey(e.key)
	if err != nil || !found {
		return true
	}
	obj, ok := item.(metav1.Object)
	return !ok || obj.GetUID() != uid || (!e.final && obj.GetDeletionTimestamp() != nil)
}

// shown is the handler of one view: each event may settle debts.
type shown struct {
	ledger *ledger
	view   *view
}

func (s shown) OnAdd(obj any, _ bool) { s.event(obj) }
func (s shown) OnUpdate(_, obj any)   { s.event(obj) }
func (s shown) OnDelete(obj any) {
	if tombstone, ok := obj.(cache.DeletedFinalStateUnknown); ok {
		obj = tombstone.Obj
	}
	s.event(obj)
}

func (s shown) event(item any) {
	obj, ok := item.(metav1.Object)
	if !ok {
		return
	}
	s.ledger.mu.Lock()
	defer s.ledger.mu.Unlock()
	s.view.seen = max(s.view.seen, parseVersion(obj.GetResourceVersion()))
	for key := range s.view.debtors {
		s.ledger.settle(key, s.ledger.debts[key])
	}
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
