package integration

import (
	"context"
	"net/netip"
	"sync"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/ptr"

	podstate "github.com/proa-sh/proa/pkg/pods"
	"github.com/proa-sh/proa/pkg/proxy/model"
)

// The node that lives through the storm.
const steady, steadyAddress = "steady", "192.0.2.7"

// steadyNode makes the node and its lease.
func steadyNode(t *testing.T, client kubernetes.Interface) {
	t.Helper()
	room := corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("64"), corev1.ResourceMemory: resource.MustParse("64Gi"), corev1.ResourcePods: resource.MustParse("1000")}
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: steady, Labels: map[string]string{corev1.LabelHostname: steady}}, Status: corev1.NodeStatus{
		Capacity: room, Allocatable: room, Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue, Reason: "KubeletReady"}},
		Addresses: []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: steadyAddress}},
	}}
	lease := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Name: steady, Namespace: corev1.NamespaceNodeLease}}
	lease.Spec = coordinationv1.LeaseSpec{HolderIdentity: ptr.To(steady), LeaseDurationSeconds: ptr.To(int32(40)), RenewTime: ptr.To(metav1.NowMicro())}
	if _, err := client.CoreV1().Nodes().Create(t.Context(), node, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := client.CoordinationV1().Leases(lease.Namespace).Create(t.Context(), lease, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
}

// kubelet says of pods of all nodes that they run, and ends those that are deleted.
type kubelet struct {
	client kubernetes.Interface
	pods   cache.SharedIndexInformer
	queue  workqueue.TypedRateLimitingInterface[string]
}

// startKubelet registers with the informers, which the caller starts afterwards, and runs until the test ends.
func startKubelet(t *testing.T, factory informers.SharedInformerFactory, client kubernetes.Interface) {
	t.Helper()
	k := &kubelet{client, factory.Core().V1().Pods().Informer(), workqueue.NewTypedRateLimitingQueue(workqueue.NewTypedItemExponentialFailureRateLimiter[string](10*time.Millisecond, 10*time.Second))}
	add := func(o any) {
		if p, ok := o.(*corev1.Pod); ok && p.Spec.NodeName != "" {
			k.queue.Add(p.Namespace + "/" + p.Name)
		}
	}
	if _, err := k.pods.AddEventHandler(cache.ResourceEventHandlerFuncs{AddFunc: add, UpdateFunc: func(_, o any) { add(o) }}); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { k.work(ctx) })
	running.Go(func() { k.renew(ctx) })
	t.Cleanup(func() {
		stop()
		k.queue.ShutDown()
		running.Wait()
	})
}

func (k *kubelet) work(ctx context.Context) {
	for {
		key, ended := k.queue.Get()
		if ended {
			return
		}
		if err := k.sync(ctx, key); err != nil {
			k.queue.AddRateLimited(key)
		} else {
			k.queue.Forget(key)
		}
		k.queue.Done(key)
	}
}

func (k *kubelet) sync(ctx context.Context, key string) error {
	o, there, err := k.pods.GetStore().GetByKey(key)
	if err != nil || !there {
		return err
	}
	p, _ := o.(*corev1.Pod)
	pods := k.client.CoreV1().Pods(p.Namespace)
	switch {
	case p.DeletionTimestamp != nil && !podstate.IsTerminal(p):
		p = p.DeepCopy()
		p.Status.Phase = corev1.PodFailed
		_, err := pods.UpdateStatus(ctx, p, metav1.UpdateOptions{})
		return err
	case p.DeletionTimestamp != nil && ptr.Deref(p.DeletionGracePeriodSeconds, 0) > 0:
		return pods.Delete(ctx, p.Name, metav1.DeleteOptions{GracePeriodSeconds: ptr.To(int64(0)), Preconditions: metav1.NewUIDPreconditions(string(p.UID))})
	case p.DeletionTimestamp == nil && p.Status.Phase == corev1.PodPending && p.Status.StartTime == nil:
		p = p.DeepCopy()
		p.Status.Phase, p.Status.StartTime = corev1.PodRunning, ptr.To(metav1.Now())
		p.Status.PodIP = "10.244.0.9"
		p.Status.PodIPs = []corev1.PodIP{{IP: p.Status.PodIP}}
		p.Status.Conditions = append(p.Status.Conditions, corev1.PodCondition{Type: corev1.PodReady, Status: corev1.ConditionTrue, LastTransitionTime: metav1.Now()})
		_, err := pods.UpdateStatus(ctx, p, metav1.UpdateOptions{})
		return err
	}
	return nil
}

// renew keeps the steady node alive.
func (k *kubelet) renew(ctx context.Context) {
	tick := time.NewTicker(10 * time.Second)
	defer tick.Stop()
	for {
		// One that fails is made up for by the next: the node may be silent for 50 s.
		_, _ = k.client.CoordinationV1().Leases(corev1.NamespaceNodeLease).Patch(ctx, steady, types.MergePatchType,
			[]byte(`{"spec":{"renewTime":"`+time.Now().UTC().Format(metav1.RFC3339Micro)+`"}}`), metav1.PatchOptions{})
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// pureProxy does with Services what the service proxy does before it writes to the kernel.
type pureProxy struct {
	mu       sync.Mutex // guards the rest
	claims   model.Claims
	services map[types.NamespacedName]*corev1.Service
	slices   map[types.NamespacedName][]*discoveryv1.EndpointSlice
}

func startProxy(t *testing.T, factory informers.SharedInformerFactory) {
	t.Helper()
	p := &pureProxy{services: map[types.NamespacedName]*corev1.Service{}, slices: map[types.NamespacedName][]*discoveryv1.EndpointSlice{}}
	for _, source := range []struct {
		informer cache.SharedIndexInformer
		handle   func(any, bool)
	}{{factory.Core().V1().Services().Informer(), p.service}, {factory.Discovery().V1().EndpointSlices().Informer(), p.slice}} {
		_, err := source.informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
			AddFunc: func(o any) { source.handle(o, false) }, UpdateFunc: func(_, o any) { source.handle(o, false) }, DeleteFunc: func(o any) { source.handle(o, true) },
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func (p *pureProxy) service(o any, gone bool) {
	svc, ok := o.(*corev1.Service)
	if !ok {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	name := types.NamespacedName{Namespace: svc.Namespace, Name: svc.Name}
	if p.services[name] = svc; gone {
		delete(p.services, name)
	}
	p.sync(name)
}

func (p *pureProxy) slice(o any, gone bool) {
	slice, ok := o.(*discoveryv1.EndpointSlice)
	if !ok {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	name := types.NamespacedName{Namespace: slice.Namespace, Name: slice.Labels[discoveryv1.LabelServiceName]}
	var kept []*discoveryv1.EndpointSlice
	for _, s := range p.slices[name] {
		if s.Name != slice.Name {
			kept = append(kept, s)
		}
	}
	if p.slices[name] = kept; !gone {
		p.slices[name] = append(kept, slice)
	}
	p.sync(name)
}

func (p *pureProxy) sync(name types.NamespacedName) {
	node := model.Node{Name: steady, NodePortAddresses: []netip.Addr{netip.MustParseAddr(steadyAddress)}}
	svc := p.services[name]
	if svc == nil {
		p.claims.Set(name, time.Time{}, nil)
		return
	}
	ports := model.Ports(svc, p.slices[name], node)
	others := p.claims.Set(name, svc.CreationTimestamp.Time, model.Fronts(ports))
	p.claims.Grant(ports)
	model.Health(svc, p.slices[name], node)
	for _, other := range others {
		if s := p.services[other]; s != nil {
			p.claims.Grant(model.Ports(s, p.slices[other], node))
		}
	}
}
