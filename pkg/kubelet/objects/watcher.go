package objects

import (
	"context"
	"fmt"
	"sync"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
)

// Watcher keeps one watch for each object that a pod of the node names. A watch ends with the last pod that names its object.
type Watcher struct {
	client  kubernetes.Interface
	changed Changed
	wg      sync.WaitGroup

	mu sync.Mutex
	// running is from when Run begins until it is to end: only meanwhile watches are started; guarded by mu.
	running bool
	// followed are the objects of each pod, watches those under way; guarded by mu.
	followed map[types.UID]map[key]bool
	watches  map[key]*single
}

type key struct {
	kind            Kind
	namespace, name string
}

// single watches one object.
type single struct {
	informer cache.SharedIndexInformer
	cancel   context.CancelFunc
	users    int
	started  bool
	ctx      context.Context
}

// NewWatcher returns a Watcher that watches nothing yet.
func NewWatcher(client kubernetes.Interface, changed Changed) *Watcher {
	return &Watcher{client: client, changed: changed, followed: map[types.UID]map[key]bool{}, watches: map[key]*single{}}
}

// Run lets watches work until ctx ends and all of them have ended.
func (w *Watcher) Run(ctx context.Context) {
	w.mu.Lock()
	w.running = true
	for _, s := range w.watches {
		w.start(s)
	}
	w.mu.Unlock()
	<-ctx.Done()
	w.mu.Lock()
	w.running = false
	for _, s := range w.watches {
		s.cancel()
	}
	w.mu.Unlock()
	// Nothing is added to the group any more.
	w.wg.Wait()
}

// Follow watches what the pod names now, and no longer what it named before.
func (w *Watcher) Follow(pod *v1.Pod) {
	want := map[key]bool{}
	for r := range references(pod) {
		want[key{r.kind, pod.Namespace, r.name}] = true
	}
	w.set(pod.UID, want)
}

// Forget ends the pod's use of what it named.
func (w *Watcher) Forget(pod *v1.Pod) { w.set(pod.UID, nil) }

func (w *Watcher) set(uid types.UID, want map[key]bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	had := w.followed[uid]
	for k := range want {
		if !had[k] {
			w.use(k)
		}
	}
	for k := range had {
		if want[k] {
			continue
		}
		s := w.watches[k]
		if s.users--; s.users == 0 {
			s.cancel()
			delete(w.watches, k)
		}
	}
	if len(want) == 0 {
		delete(w.followed, uid)
	} else {
		w.followed[uid] = want
	}
}

// use counts a user of the object and starts its watch for the first; w.mu is held.
func (w *Watcher) use(k key) {
	if s := w.watches[k]; s != nil {
		s.users++
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &single{ctx: ctx, cancel: cancel, users: 1, informer: w.informer(k)}
	w.watches[k] = s
	if w.running {
		w.start(s)
	}
}

// start runs a watch; w.mu is held.
func (w *Watcher) start(s *single) {
	if s.started {
		return
	}
	s.started = true
	w.wg.Add(1)
	go func() {
		defer w.wg.Done()
		s.informer.RunWithContext(s.ctx)
	}()
}

// informer lists and watches a single object by name, the one form of list that the node authorizer grants.
func (w *Watcher) informer(k key) cache.SharedIndexInformer {
	only := func(o *metav1.ListOptions) {
		o.FieldSelector = fields.OneTermEqualSelector("metadata.name", k.name).String()
	}
	core := w.client.CoreV1()
	lw := &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			only(&o)
			if k.kind == Secret {
				return core.Secrets(k.namespace).List(ctx, o)
			}
			return core.ConfigMaps(k.namespace).List(ctx, o)
		},
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
			only(&o)
			if k.kind == Secret {
				return core.Secrets(k.namespace).Watch(ctx, o)
			}
			return core.ConfigMaps(k.namespace).Watch(ctx, o)
		},
	}
	var example runtime.Object = &v1.ConfigMap{}
	if k.kind == Secret {
		example = &v1.Secret{}
	}
	informer := cache.NewSharedIndexInformer(cache.ToListWatcherWithWatchListSemantics(lw, w.client), example, 0, cache.Indexers{})
	if _, err := informer.AddEventHandler(handler(k.kind, w.changed)); err != nil {
		// Only a stopped informer refuses, and this one has not started.
		panic(fmt.Sprintf("listen to a new informer: %v", err))
	}
	return informer
}

// get reads the object from its watch, or from the API while there is none or it has not caught up.
func (w *Watcher) get(ctx context.Context, k key) (any, error) {
	w.mu.Lock()
	s := w.watches[k]
	w.mu.Unlock()
	if s == nil || !s.informer.HasSynced() {
		if k.kind == Secret {
			return w.client.CoreV1().Secrets(k.namespace).Get(ctx, k.name, metav1.GetOptions{})
		}
		return w.client.CoreV1().ConfigMaps(k.namespace).Get(ctx, k.name, metav1.GetOptions{})
	}
	object, ok, err := s.informer.GetStore().GetByKey(k.namespace + "/" + k.name)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, apierrors.NewNotFound(v1.Resource(resourceOf(k.kind)), k.name)
	}
	return object, nil
}

func resourceOf(kind Kind) string {
	if kind == Secret {
		return "secrets"
	}
	return "configmaps"
}

// Secret returns the secret.
func (w *Watcher) Secret(ctx context.Context, namespace, name string) (*v1.Secret, error) {
	o, err := w.get(ctx, key{Secret, namespace, name})
	if err != nil {
		return nil, err
	}
	return o.(*v1.Secret), nil
}

// ConfigMap returns the config map.
func (w *Watcher) ConfigMap(ctx context.Context, namespace, name string) (*v1.ConfigMap, error) {
	o, err := w.get(ctx, key{ConfigMap, namespace, name})
	if err != nil {
		return nil, err
	}
	return o.(*v1.ConfigMap), nil
}
