package control

import (
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// scene is a ledger over two informers that never run: the test plays what they show.
type scene struct {
	t      *testing.T
	ledger *ledger
	queue  workqueue.TypedRateLimitingInterface[reconcile.Request]
	pods   cache.SharedIndexInformer
	nodes  cache.SharedIndexInformer
}

func newScene(t *testing.T) *scene {
	s := &scene{
		t:     t,
		pods:  cache.NewSharedIndexInformer(&cache.ListWatch{}, &v1.Pod{}, 0, cache.Indexers{}),
		nodes: cache.NewSharedIndexInformer(&cache.ListWatch{}, &v1.Node{}, 0, cache.Indexers{}),
		queue: workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[reconcile.Request]()),
	}
	s.ledger = newLedger([]Written{Shows[v1.Pod](s.pods), Shows[v1.Node](s.nodes)})
	s.ledger.queue = s.queue
	s.ledger.start(klog.Background())
	t.Cleanup(func() { s.ledger.stop(); s.queue.ShutDown() })
	return s
}

func pod(name, uid, version string) *v1.Pod {
	return &v1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, UID: types.UID(uid), ResourceVersion: version}}
}

func node(name, version string) *v1.Node {
	return &v1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, ResourceVersion: version}}
}

// shows plays an event: the store first, then the handler.
func (s *scene) shows(obj metav1.Object, deleted bool) {
	s.t.Helper()
	informer, shown := s.pods, s.ledger.caches[Shows[v1.Pod](s.pods).kind]
	if _, isNode := obj.(*v1.Node); isNode {
		informer, shown = s.nodes, s.ledger.caches[Shows[v1.Node](s.nodes).kind]
	}
	var err error
	if deleted {
		err = informer.GetStore().Delete(obj)
		follower{s.ledger, shown}.OnDelete(obj)
	} else {
		err = informer.GetStore().Update(obj)
		follower{s.ledger, shown}.OnUpdate(nil, obj)
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// held says whether the key must wait, woken how many keys the queue has.
func (s *scene) held(key Key) bool { return s.ledger.mustWait(key, time.Now()) }
func (s *scene) woken() int        { return s.queue.Len() }

func (s *scene) want(what string, got, want any) {
	s.t.Helper()
	if got != want {
		s.t.Errorf("%s: %v, want %v", what, got, want)
	}
}

var web = KeyOf("default", "web")

func TestWaitsForOwnWrite(t *testing.T) {
	s := newScene(t)
	s.want("held without writes", s.held(web), false)
	s.ledger.wrote(web, pod("a", "1", "20"))
	s.want("held after a write", s.held(web), true)
	s.want("another key is held", s.held(KeyOf("default", "other")), false)
	s.shows(pod("x", "9", "19"), false)
	s.want("held after an older event", s.held(web), true)
	s.want("woken by it", s.woken(), 0)
	s.shows(pod("a", "1", "20"), false)
	s.want("woken by its own event", s.woken(), 1)
	s.want("held after it", s.held(web), false)
}

// The object may have been changed or deleted again before its event is handled: any later event of the kind will do.
func TestLaterEventsCount(t *testing.T) {
	s := newScene(t)
	s.ledger.wrote(web, pod("a", "1", "20"))
	s.want("held", s.held(web), true)
	s.shows(pod("x", "9", "21"), false)
	s.want("held after a later event", s.held(web), false)
}

// The event may come before the response of the write has been read.
func TestEventBeforeResponse(t *testing.T) {
	s := newScene(t)
	s.shows(pod("a", "1", "20"), false)
	s.ledger.wrote(web, pod("a", "1", "20"))
	s.want("held", s.held(web), false)
	if len(s.ledger.unseen) != 0 {
		t.Errorf("writes left: %v", s.ledger.unseen)
	}
}

func TestAllKindsMustShow(t *testing.T) {
	s := newScene(t)
	s.ledger.wrote(web, pod("a", "1", "20"))
	s.ledger.wrote(web, node("n", "22"))
	s.want("held", s.held(web), true)
	s.shows(pod("a", "1", "20"), false)
	s.want("held while the node is not shown", s.held(web), true)
	s.want("woken", s.woken(), 0)
	s.shows(node("n", "22"), false)
	s.want("held after both", s.held(web), false)
	s.want("woken once", s.woken(), 1)
}

func TestDeletions(t *testing.T) {
	s := newScene(t)
	s.shows(pod("a", "1", "10"), false)
	s.ledger.deleted(web, pod("a", "1", "10"))
	s.want("held after a deletion", s.held(web), true)
	ending := pod("a", "1", "11")
	ending.DeletionTimestamp = &metav1.Time{Time: time.Now()}
	s.shows(ending, false)
	s.want("held when it is ending", s.held(web), false)

	s.ledger.deleted(web, ending) // now without grace
	s.want("held until it is gone", s.held(web), true)
	s.shows(pod("a", "2", "13"), false) // another object with its name
	s.want("held when another has its name", s.held(web), false)

	s.ledger.deleted(web, pod("a", "2", "13"))
	s.want("held after its deletion", s.held(web), true)
	s.shows(pod("a", "2", "14"), true)
	s.want("held when it has gone", s.held(web), false)

	finalized := pod("b", "3", "15")
	finalized.DeletionTimestamp, finalized.Finalizers = ending.DeletionTimestamp, []string{"x"}
	s.shows(finalized, false)
	s.ledger.deleted(web, finalized)
	s.want("held by an ending object that others hold", s.held(web), false)
}

// An informer that never shows a write delays the key, but not for ever.
func TestWaitEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t)
		s.ledger.wrote(web, pod("a", "1", "20"))
		s.want("held", s.held(web), true)
		<-time.After(longestWait + time.Second)
		synctest.Wait()
		s.want("woken", s.woken(), 1)
		s.want("held after so long", s.held(web), false)
	})
}

func TestKindsThatAreNotShown(t *testing.T) {
	s := newScene(t)
	s.ledger.wrote(web, &v1.Secret{ObjectMeta: metav1.ObjectMeta{ResourceVersion: "30"}})
	s.ledger.wrote(web, pod("a", "1", ""))
	s.want("held", s.held(web), false)
}

// A thousand keys that wait for the cache cost an event nothing but the one whose write it shows.
func TestManyKeysWait(t *testing.T) {
	s := newScene(t)
	for i := range 1000 {
		s.ledger.wrote(KeyOf("default", strconv.Itoa(i)), pod("a", "1", strconv.Itoa(1000+i)))
	}
	s.want("first held", s.held(KeyOf("default", "0")), true)
	s.shows(pod("a", "1", "1000"), false)
	s.want("left after the first event", len(s.ledger.unseen), 999)
	s.want("versions left", len(s.ledger.caches[Shows[v1.Pod](s.pods).kind].versions), 999)
	s.shows(pod("a", "1", "1999"), false)
	s.want("left after the last", len(s.ledger.unseen), 0)
}
