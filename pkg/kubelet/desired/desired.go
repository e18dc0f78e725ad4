package desired

import (
	"context"
	"fmt"
	"sort"
	"sync"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"

	"github.com/proa-sh/proa/pkg/kubelet/podstate"
	"github.com/proa-sh/proa/pkg/pods"
)

// Sink receives what is desired.
type Sink interface {
	// Update tells of a new or changed pod; taken says that the node had taken it before this kubelet started.
	Update(pod *v1.Pod, taken bool)
	// Delete tells that the object is gone.
	Delete(uid types.UID)
	// Orphan asks to end what is left of a pod that is not desired. Only as much of it is known as was remembered, or as the
	// runtime tells.
	Orphan(pod *v1.Pod)
}

// Desired follows the pods informer, and takes static pods.
type Desired struct {
	nodeName     string
	registration cache.ResourceEventHandlerRegistration
	wake         chan struct{}
	mu           sync.Mutex
	// pending holds the newest news of each pod of the API, nil when it is gone; guarded by mu. It is bounded by the
	// node's pods.
	pending map[types.UID]*v1.Pod
	// present are the pods that the API shows on this node, as delivered; strays those of which the runtime reports though
	// nobody runs them; guarded by mu. A stray is looked at once and is then an orphan or nothing.
	present, strays map[types.UID]bool
	// static is guarded by mu.
	static static
}

// New listens to the informer, which the caller starts afterwards.
func New(informer cache.SharedIndexInformer, nodeName string) (*Desired, error) {
	d := &Desired{nodeName: nodeName, wake: make(chan struct{}, 1), pending: map[types.UID]*v1.Pod{},
		present: map[types.UID]bool{}, strays: map[types.UID]bool{}, static: newStatic()}
	registration, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(obj any) { d.changed(obj) },
		UpdateFunc: func(old, obj any) { d.updated(old, obj) },
		DeleteFunc: func(obj any) { d.deleted(obj) },
	})
	if err != nil {
		return nil, fmt.Errorf("listen to pods: %w", err)
	}
	d.registration = registration
	return d, nil
}

func (d *Desired) changed(obj any) {
	if pod, ok := obj.(*v1.Pod); ok && pod.Spec.NodeName == d.nodeName {
		d.add(pod, false)
	}
}

// updated may stand for a deletion and a new pod of the same name.
func (d *Desired) updated(old, obj any) {
	before, ok := old.(*v1.Pod)
	after, ok2 := obj.(*v1.Pod)
	if ok && ok2 && before.UID != after.UID {
		d.deleted(old)
	}
	d.changed(obj)
}

func (d *Desired) deleted(obj any) {
	if tombstone, ok := obj.(cache.DeletedFinalStateUnknown); ok {
		obj = tombstone.Obj
	}
	if pod, ok := obj.(*v1.Pod); ok && pod.Spec.NodeName == d.nodeName {
		d.add(pod, true)
	}
}

// add takes in what the API says. A mirror is no pod to run: it carries the status of a static pod.
func (d *Desired) add(pod *v1.Pod, gone bool) {
	d.mu.Lock()
	switch {
	case pods.IsMirror(pod):
		d.static.setMirror(pod, gone)
	case gone:
		d.pending[pod.UID] = nil
	default:
		d.pending[pod.UID] = pod
	}
	d.mu.Unlock()
	d.signal()
}

func (d *Desired) signal() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// Stray tells that the runtime reports on a pod that nobody runs: something that came to life after its pod had ended.
func (d *Desired) Stray(uid types.UID) {
	d.mu.Lock()
	d.strays[uid] = true
	d.mu.Unlock()
	d.signal()
}

// SetStatic replaces the static pods. It has to be called at least once, for without it nothing counts as left over.
func (d *Desired) SetStatic(list []*v1.Pod) {
	d.mu.Lock()
	d.static.set(list)
	d.mu.Unlock()
	d.signal()
}

// Ended tells that nothing of a pod is left on the node.
func (d *Desired) Ended(uid types.UID) {
	d.mu.Lock()
	d.static.ended(uid)
	d.mu.Unlock()
	d.signal()
}

// Static returns what is known of the static pods of that name.
func (d *Desired) Static(name types.NamespacedName) StaticPod {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.static.look(name)
}

// Start is what the node held when this kubelet started, and when the API's part may begin.
type Start struct {
	// Found is the runtime state of pods, Leftover others whose volumes or cgroups were left.
	Found    []podstate.Observed
	Leftover []types.UID
	// Recorded are the pods that the node has taken, with as much of them as it takes to end them.
	Recorded []*v1.Pod
	// Inspect reads what the runtime holds of a pod now.
	Inspect func(ctx context.Context, uid types.UID) (podstate.Observed, error)
	// Synced are further informers that pods of the API need.
	Synced []cache.DoneChecker
	// MirrorChanged is called with the names of static pods of which the mirror may have to be changed; may be nil. It must
	// not block.
	MirrorChanged func(types.NamespacedName)
}

// Run presents pods to the sink until ctx ends: static pods from the beginning, those of the API when it has told of all of
// them. Only then is it known what is not desired.
func (d *Desired) Run(ctx context.Context, sink Sink, start Start) {
	taken := start.taken()
	synced := make(chan struct{})
	var waiting sync.WaitGroup
	defer waiting.Wait()
	waiting.Go(func() {
		for _, informer := range append(start.Synced, d.registration.HasSyncedChecker()) {
			select {
			case <-ctx.Done():
				return
			case <-informer.Done():
			}
		}
		select {
		case <-ctx.Done():
		case <-d.static.known:
			close(synced)
		}
	})
	for {
		d.deliverStatic(sink, taken, start.MirrorChanged)
		select {
		case <-ctx.Done():
			return
		case <-d.wake:
			continue
		case <-synced:
		}
		break
	}
	// Static pods that are known by now are no orphans, whichever news came first.
	d.deliverStatic(sink, taken, start.MirrorChanged)
	d.deliver(sink, taken)
	d.removeOrphans(sink, start)
	for {
		d.deliverStatic(sink, taken, start.MirrorChanged)
		d.removeStrays(ctx, sink, start)
		select {
		case <-ctx.Done():
			return
		case <-d.wake:
			d.deliver(sink, taken)
		}
	}
}

// taken are the pods that the node had taken when this kubelet started.
func (s *Start) taken() map[types.UID]bool {
	taken := map[types.UID]bool{}
	for _, o := range s.Found {
		taken[o.UID] = true
	}
	for _, pod := range s.Recorded {
		taken[pod.UID] = true
	}
	return taken
}

// removeOrphans ends what the node held of pods that nobody desires.
func (d *Desired) removeOrphans(sink Sink, start Start) {
	told := map[types.UID]bool{}
	end := func(pod *v1.Pod) {
		if !d.desired(pod.UID) && !told[pod.UID] {
			told[pod.UID] = true
			sink.Orphan(pod)
		}
	}
	for _, pod := range start.Recorded {
		end(pod)
	}
	for _, o := range start.Found {
		end(orphan(o.UID, o.Namespace, o.Name, &o))
	}
	for _, uid := range start.Leftover {
		end(orphan(uid, "", "", nil))
	}
}

// desired says whether somebody wants the pod.
func (d *Desired) desired(uid types.UID) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	_, static := d.static.live[uid]
	pod, news := d.pending[uid]
	return static || d.present[uid] || news && pod != nil
}

// removeStrays ends what came to life of pods that nobody desires.
func (d *Desired) removeStrays(ctx context.Context, sink Sink, start Start) {
	d.mu.Lock()
	strays := d.strays
	d.strays = map[types.UID]bool{}
	d.mu.Unlock()
	for uid := range strays {
		if d.desired(uid) {
			continue
		}
		o, err := start.Inspect(ctx, uid)
		if err != nil {
			klog.FromContext(ctx).Error(err, "Could not look at a pod that nobody desires; it is looked at again with the next news", "podUID", uid)
			d.mu.Lock()
			d.strays[uid] = true
			d.mu.Unlock()
			continue
		}
		if !o.Empty() {
			klog.FromContext(ctx).Info("Ending what is left of a pod that nobody desires", "pod", klog.KRef(o.Namespace, o.Name), "podUID", uid)
			sink.Orphan(orphan(uid, o.Namespace, o.Name, &o))
		}
	}
}

// deliverStatic presents what is new of static pods.
func (d *Desired) deliverStatic(sink Sink, taken map[types.UID]bool, mirrorChanged func(types.NamespacedName)) {
	d.mu.Lock()
	news := d.static.take()
	d.mu.Unlock()
	for _, uid := range news.gone {
		sink.Delete(uid)
		delete(taken, uid)
	}
	for _, pod := range news.changed {
		sink.Update(pod, taken[pod.UID])
	}
	if mirrorChanged == nil {
		return
	}
	for _, name := range news.mirrors {
		mirrorChanged(name)
	}
}

// deliver presents what is pending of the API, those first that the node has taken, then the oldest.
func (d *Desired) deliver(sink Sink, taken map[types.UID]bool) {
	d.mu.Lock()
	pending := d.pending
	d.pending = map[types.UID]*v1.Pod{}
	for uid, pod := range pending {
		if pod != nil {
			d.present[uid] = true
		} else {
			delete(d.present, uid)
		}
	}
	d.mu.Unlock()
	var list []*v1.Pod
	for uid, pod := range pending {
		if pod == nil {
			sink.Delete(uid)
			delete(taken, uid)
			continue
		}
		list = append(list, pod)
	}
	sort.Slice(list, func(i, j int) bool {
		a, b := list[i], list[j]
		if taken[a.UID] != taken[b.UID] {
			return taken[a.UID]
		}
		if !a.CreationTimestamp.Equal(&b.CreationTimestamp) {
			return a.CreationTimestamp.Before(&b.CreationTimestamp)
		}
		return a.UID < b.UID
	})
	for _, pod := range list {
		sink.Update(pod, taken[pod.UID])
	}
}

// orphan makes a pod object from what the runtime tells, enough to end it: its containers with their hooks and its grace period.
func orphan(uid types.UID, namespace, name string, o *podstate.Observed) *v1.Pod {
	pod := &v1.Pod{ObjectMeta: metav1.ObjectMeta{UID: uid, Namespace: namespace, Name: name}}
	if o == nil {
		return pod
	}
	seen := map[string]bool{}
	for _, c := range o.Containers {
		if !seen[c.Name] {
			seen[c.Name] = true
			container := v1.Container{Name: c.Name, Ports: c.Ports}
			if c.PreStop != nil {
				container.Lifecycle = &v1.Lifecycle{PreStop: c.PreStop}
			}
			pod.Spec.Containers = append(pod.Spec.Containers, container)
		}
		if c.GracePeriod > 0 && pod.Spec.TerminationGracePeriodSeconds == nil {
			grace := c.GracePeriod
			pod.Spec.TerminationGracePeriodSeconds = &grace
		}
	}
	return pod
}
