package proxy

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/utils/ptr"

	"github.com/proa-sh/proa/pkg/proxy/health"
	"github.com/proa-sh/proa/pkg/proxy/internal/netnstest"
	"github.com/proa-sh/proa/pkg/proxy/model"
	"github.com/proa-sh/proa/pkg/proxy/nftables"
	"github.com/proa-sh/proa/staging/apirules/core"
)

// TestWalk takes a proxy through seeded random changes of Services that are as odd as validation lets them be: few
// addresses and few ports, so that they meet in every way. The kernel must have what the proxy believes after each change
// (all elements are compared now and then), and a proxy that starts anew must come to the same ports.
func TestWalk(t *testing.T) {
	netnstest.New(t)
	for seed := range uint64(4) {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) { newWalk(t, seed).run(80) })
	}
}

// walk is a proxy with its tables, driven without its loop.
type walk struct {
	t      *testing.T
	random *rand.Rand
	proxy  *Proxy
	syncer *syncer
	tables map[corev1.IPFamily]*nftables.Table
	made   int64
}

func newWalk(t *testing.T, seed uint64) *walk {
	w := &walk{t: t, random: rand.New(rand.NewPCG(seed, 0)), tables: map[corev1.IPFamily]*nftables.Table{}}
	w.proxy = w.newProxy()
	for _, family := range families {
		table, err := nftables.New(family, w.proxy.config.nftablesOptions())
		if err != nil {
			t.Fatal(err)
		}
		w.tables[family] = table
		t.Cleanup(table.Close)
	}
	t.Cleanup(func() {
		if err := Cleanup(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	w.syncer = w.newSyncer(w.proxy)
	return w
}

// newProxy is a proxy that knows its node and nothing else.
func (w *walk) newProxy() *Proxy {
	p, err := New(Config{
		Informers: informers.NewSharedInformerFactory(fake.NewClientset(), 0), NodeName: nodeName,
		DetectLocalMode: LocalModeClusterCIDR, ClusterCIDRs: netnstest.PodPrefixes(),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: nodeName}}
	for _, addr := range netnstest.NodeAddrs() {
		node.Status.Addresses = append(node.Status.Addresses, corev1.NodeAddress{Type: corev1.NodeInternalIP, Address: addr.String()})
	}
	p.tracker.setNode(node, false)
	return p
}

func (w *walk) newSyncer(p *Proxy) *syncer {
	checks := health.NewServices(p.state.Healthy)
	w.t.Cleanup(checks.Close)
	return newSyncer(&p.config, p.tracker, w.tables, checks)
}

func (w *walk) run(steps int) {
	for step := range steps {
		what := w.change()
		if err := w.proxy.syncOnce(w.t.Context(), w.syncer); err != nil {
			w.t.Fatalf("step %d, %s: %v", step, what, err)
		}
		for _, family := range families {
			if damage, err := w.tables[family].Check(w.t.Context(), step%10 == 9); err != nil || damage != "" {
				w.t.Fatalf("step %d, %s: the %s table is not as written: %s %v", step, what, family, damage, err)
			}
		}
		w.compare(step, what)
	}
}

// compare plays the present Services to a proxy that starts now.
func (w *walk) compare(step int, what string) {
	fresh := w.newProxy()
	for _, svc := range w.proxy.tracker.services {
		fresh.tracker.setService(svc, false)
	}
	for _, all := range w.proxy.tracker.slices {
		for _, slice := range all {
			fresh.tracker.setSlice(slice, false)
		}
	}
	other := w.newSyncer(fresh)
	names, node := fresh.tracker.take()
	other.node = fresh.config.modelNode(node, nil)
	want := map[types.NamespacedName][]model.ServicePort{}
	for _, name := range other.withAffected(append(names, names...)) {
		if svc, slicesOf := fresh.tracker.get(name); svc != nil {
			if ports := other.claims.Grant(model.Ports(svc, slicesOf, other.node)); len(ports) > 0 {
				want[name] = ports
			}
		}
	}
	if diff := cmp.Diff(want, w.syncer.ports, cmp.Comparer(func(a, b model.ServicePort) bool { return fmt.Sprint(a) == fmt.Sprint(b) })); diff != "" {
		w.t.Fatalf("step %d, %s: a new start (-) and the running proxy (+) differ:\n%s", step, what, diff)
	}
}

// change makes one random change and says which.
func (w *walk) change() string {
	name := fmt.Sprintf("s%d", w.random.IntN(4))
	current := w.proxy.tracker.services[types.NamespacedName{Namespace: "ns", Name: name}]
	switch kind := w.random.IntN(10); {
	case kind == 0 && current != nil:
		w.proxy.tracker.setService(current, true)
		return "delete " + name
	case kind <= 2:
		slice := w.slice(name)
		w.proxy.tracker.setSlice(slice, w.random.IntN(4) == 0)
		return "endpoints of " + name
	case kind == 3 && current != nil:
		labelled := current.DeepCopy()
		labelled.Labels = map[string]string{"step": fmt.Sprint(w.random.IntN(1000))}
		w.proxy.tracker.setService(labelled, false)
		return "label " + name
	default:
		for {
			svc := w.service(name)
			if current != nil {
				svc.CreationTimestamp = current.CreationTimestamp
			}
			if len(core.ValidateService(svc)) == 0 {
				w.proxy.tracker.setService(svc, false)
				return "write " + name
			}
		}
	}
}

func pick[T any](w *walk, all ...T) T { return all[w.random.IntN(len(all))] }

// some are a few of all, some of them more than once.
func some[T any](w *walk, most int, all ...T) []T {
	var chosen []T
	for range w.random.IntN(most + 1) {
		chosen = append(chosen, pick(w, all...))
	}
	return chosen
}

func (w *walk) service(name string) *corev1.Service {
	w.made++
	svc := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name, CreationTimestamp: metav1.Unix(w.made/3, 0)}}
	spec := &svc.Spec
	spec.Type = pick(w, corev1.ServiceTypeClusterIP, corev1.ServiceTypeNodePort, corev1.ServiceTypeLoadBalancer)
	spec.SessionAffinity = corev1.ServiceAffinityNone
	if w.random.IntN(3) == 0 {
		spec.SessionAffinity = corev1.ServiceAffinityClientIP
		spec.SessionAffinityConfig = &corev1.SessionAffinityConfig{ClientIP: &corev1.ClientIPConfig{TimeoutSeconds: pick(w, ptr.To[int32](1), ptr.To[int32](86400))}}
	}
	spec.InternalTrafficPolicy = ptr.To(pick(w, corev1.ServiceInternalTrafficPolicyCluster, corev1.ServiceInternalTrafficPolicyLocal))
	last := name[1:]
	spec.ClusterIPs = pick(w, []string{"10.96.0.1" + last}, []string{"10.96.0.1" + last, "fd00:10:96::1" + last}, []string{"fd00:10:96::1" + last})
	spec.ClusterIP = spec.ClusterIPs[0]
	for _, ip := range spec.ClusterIPs {
		spec.IPFamilies = append(spec.IPFamilies, familyOf(ip))
	}
	spec.IPFamilyPolicy = ptr.To(corev1.IPFamilyPolicySingleStack)
	if len(spec.ClusterIPs) == 2 {
		spec.IPFamilyPolicy = ptr.To(corev1.IPFamilyPolicyRequireDualStack)
	}
	addresses := []string{netnstest.NodeAddrs()[0].String(), netnstest.NodeAddrs()[1].String(), "198.51.100.7", "10.96.0.11", "10.244.0.11"}
	spec.ExternalIPs = some(w, 3, addresses...)
	for i := range 1 + w.random.IntN(4) {
		port := corev1.ServicePort{Name: fmt.Sprintf("p%d", i), Protocol: pick(w, corev1.ProtocolTCP, corev1.ProtocolUDP, corev1.ProtocolSCTP), Port: pick[int32](w, 80, 443, 30080, 30081, 65535)}
		port.TargetPort.IntVal = port.Port
		if spec.Type != corev1.ServiceTypeClusterIP && w.random.IntN(4) > 0 {
			port.NodePort = pick[int32](w, 30080, 30081, 31000)
		}
		spec.Ports = append(spec.Ports, port)
	}
	if spec.Type != corev1.ServiceTypeClusterIP {
		spec.ExternalTrafficPolicy = pick(w, corev1.ServiceExternalTrafficPolicyCluster, corev1.ServiceExternalTrafficPolicyLocal)
	}
	if spec.Type == corev1.ServiceTypeLoadBalancer {
		spec.LoadBalancerSourceRanges = some(w, 4, "0.0.0.0/0", "10.0.0.0/8", "10.244.0.0/16", "10.0.0.0/8", "2001:db8::/32", "::/0", "192.0.2.100/32")
		for _, ip := range some(w, 3, addresses...) {
			svc.Status.LoadBalancer.Ingress = append(svc.Status.LoadBalancer.Ingress, corev1.LoadBalancerIngress{IP: ip})
		}
	}
	return svc
}

func familyOf(ip string) corev1.IPFamily {
	if slices.Contains([]byte(ip), ':') {
		return corev1.IPv6Protocol
	}
	return corev1.IPv4Protocol
}

func (w *walk) slice(service string) *discoveryv1.EndpointSlice {
	slice := &discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: fmt.Sprintf("%s-%d", service, w.random.IntN(3)), Labels: map[string]string{discoveryv1.LabelServiceName: service}},
	}
	addresses := []string{"10.244.0.11", "10.244.0.12", "10.244.1.13"}
	if slice.AddressType = pick(w, discoveryv1.AddressTypeIPv4, discoveryv1.AddressTypeIPv6); slice.AddressType == discoveryv1.AddressTypeIPv6 {
		addresses = []string{"fd00:10:244::b", "fd00:10:244::c"}
	}
	for i := range 4 {
		slice.Ports = append(slice.Ports, discoveryv1.EndpointPort{Name: ptr.To(fmt.Sprintf("p%d", i)), Port: pick(w, nil, ptr.To[int32](8080)), Protocol: ptr.To(pick(w, corev1.ProtocolTCP, corev1.ProtocolUDP))})
	}
	for _, address := range some(w, 4, addresses...) {
		slice.Endpoints = append(slice.Endpoints, discoveryv1.Endpoint{
			Addresses: []string{address}, NodeName: pick(w, nil, ptr.To(nodeName), ptr.To("node-2")),
			Conditions: discoveryv1.EndpointConditions{
				Ready: pick(w, nil, ptr.To(true), ptr.To(false)), Serving: pick(w, nil, ptr.To(true)), Terminating: pick(w, nil, ptr.To(true)),
			},
		})
	}
	return slice
}
