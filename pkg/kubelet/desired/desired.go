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

	"github.com/proa-sh/proa/pkg/kubelet/podstate"
)

// Sink receives what is desired.
type Sink interface {
	// Update tells of a new or changed pod; running says that the node held something of it at the start.
	Update(pod *v1.Pod, running bool)
	// Delete tells that the object is gone.
	Delete(uid types.UID)
	// Orphan asks to remove what is left of a pod that is not desired. Only its names are known.
	Orphan(pod *v1.Pod)
}

// Desired follows the pods informer.
type Desired struct {
	nodeName     string
	registration cache.ResourceEventHandlerRegistration
	wake         chan struct{}
	mu           sync.Mutex
	// pending holds the newest news of each pod, nil when it is gone; guarded by mu. It is bounded by the node's pods.
	pending map[types.UID]*v1.Pod
}

// New listens to the informer, which the caller starts afterwards.
func New(pods cache.SharedIndexInformer, nodeName string) (*Desired, error) {
	d := &Desired{nodeName: nodeName, wake: make(chan struct{}, 1), pending: map[types.UID]*v1.Pod{}}
	registration, err := pods.AddEventHandler(cache.ResourceEventHandlerFuncs{
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
		d.add(pod.UID, pod)
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
		d.add(pod.UID, nil)
	}
}

func (d *Desired) add(uid types.UID, pod *v1.Pod) {
	d.mu.Lock()
	d.pending[uid] = pod
	d.mu.Unlock()
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// Run waits for the informer and presents pods to the sink until ctx ends. found is what the node held at the start: runtime
// state of pods, and others whose volumes or cgroups were left.
func (d *Desired) Run(ctx context.Context, sink Sink, found []podstate.Observed, leftover []types.UID) {
	select {
	case <-ctx.Done():
		return
	case <-d.registration.HasSyncedChecker().Done():
	}
	running := map[types.UID]bool{}
	for _, o := range found {
		running[o.UID] = true
	}
	desired := d.deliver(sink, running)
	for _, o := range found {
		if !desired[o.UID] {
			sink.Orphan(orphan(o.UID, o.Namespace, o.Name, &o))
		}
	}
	for _, uid := range leftover {
		if !desired[uid] && !running[uid] {
			sink.Orphan(orphan(uid, "", "", nil))
		}
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-d.wake:
			d.deliver(sink, running)
		}
	}
}

// deliver presents what is pending, the oldest pod first, and returns the pods that are desired.
func (d *Desired) deliver(sink Sink, running map[types.UID]bool) map[types.UID]bool {
	d.mu.Lock()
	pending := d.pending
	d.pending = map[types.UID]*v1.Pod{}
	d.mu.Unlock()
	var list []*v1.Pod
	desired := map[types.UID]bool{}
	for uid, pod := range pending {
		if pod == nil {
			sink.Delete(uid)
			delete(running, uid)
			continue
		}
		desired[uid] = true
		list = append(list, pod)
	}
	sort.Slice(list, func(i, j int) bool {
		a, b := list[i], list[j]
		if running[a.UID] != running[b.UID] {
			return running[a.UID]
		}
		if !a.CreationTimestamp.Equal(&b.CreationTimestamp) {
			return a.CreationTimestamp.Before(&b.CreationTimestamp)
		}
		return a.UID < b.UID
	})
	for _, pod := range list {
		sink.Update(pod, running[pod.UID])
	}
	return desired
}

// orphan makes a pod object from what the runtime tells, enough to end it: its containers by name and its grace period.
func orphan(uid types.UID, namespace, name string, o *podstate.Observed) *v1.Pod {
	pod := &v1.Pod{ObjectMeta: metav1.ObjectMeta{UID: uid, Namespace: namespace, Name: name}}
	if o == nil {
		return pod
	}
	seen := map[string]bool{}
	for _, c := range o.Containers {
		if !seen[c.Name] {
			seen[c.Name] = true
			pod.Spec.Containers = append(pod.Spec.Containers, v1.Container{Name: c.Name})
		}
		if c.GracePeriod > 0 && pod.Spec.TerminationGracePeriodSeconds == nil {
			grace := c.GracePeriod
			pod.Spec.TerminationGracePeriodSeconds = &grace
		}
	}
	return pod
}
