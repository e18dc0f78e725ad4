package nftables

import (
	"context"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/proa-sh/proa/pkg/proxy/internal/netnstest"
	"github.com/proa-sh/proa/pkg/proxy/model"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

func TestMain(m *testing.M) { os.Exit(netnstest.Main(m)) }

const servedPort = 8080

// world is a cluster with a table for one family.
type world struct {
	*netnstest.Cluster
	family corev1.IPFamily
	table  *Table
	// clusterIP, otherIP and nodeIP as addresses of the family.
	clusterIP, otherIP, nodeIP netip.Addr
	index                      int
}

func newWorld(t *testing.T, family corev1.IPFamily, options Options) *world {
	t.Helper()
	w := &world{Cluster: netnstest.New(t), family: family}
	w.clusterIP, w.otherIP = netip.MustParseAddr("10.96.0.10"), netip.MustParseAddr("10.96.0.11")
	if family == corev1.IPv6Protocol {
		w.index = 1
		w.clusterIP, w.otherIP = netip.MustParseAddr("fd00:10:96::10"), netip.MustParseAddr("fd00:10:96::11")
	}
	w.nodeIP = netnstest.NodeAddrs()[w.index]
	for _, pod := range w.Pods {
		pod.Serve(t, servedPort)
	}
	table, err := New(family, options)
	if err != nil {
		t.Fatal(err)
	}
	w.table = table
	t.Cleanup(table.Close)
	t.Cleanup(func() {
		if err := Cleanup(context.Background(), TableName); err != nil {
			t.Error(err)
		}
	})
	if err := table.SetPodSources(t.Context(), netnstest.PodPrefixes()); err != nil {
		t.Fatal(err)
	}
	if err := table.Resync(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) pod(i int) netip.AddrPort {
	return netip.AddrPortFrom(w.Pods[i].Addrs[w.index].Addr(), servedPort)
}

func (w *world) addr(host *netnstest.Host) string { return host.Addrs[w.index].Addr().String() }

// service is a port of a Service with a cluster address at port 80 and the given
// endpoints.
func (w *world) service(name string, protocol corev1.Protocol, endpoints ...netip.AddrPort) *model.ServicePort {
	port := &model.ServicePort{
		Name: model.PortName{Service: types.NamespacedName{Namespace: "ns", Name: name}, Protocol: protocol, Family: w.family},
		Exposures: []model.Exposure{{
			Front:    model.Front{Addr: w.clusterIP, Protocol: protocol, Port: 80},
			Internal: true,
			Scope:    model.AnyEndpoint,
		}},
		Any: endpoints,
	}
	for _, endpoint := range endpoints {
		port.Loopers = append(port.Loopers, endpoint.Addr())
	}
	return port
}

// nodePort adds a node port, in front of the given scope.
func (w *world) nodePort(port *model.ServicePort, number uint16, scope model.Scope) *model.ServicePort {
	port.Exposures = append(port.Exposures, model.Exposure{
		Front: model.Front{Addr: w.nodeIP, Protocol: port.Name.Protocol, Port: number}, Scope: scope,
	})
	return port
}

func (w *world) apply(t *testing.T, ports ...*model.ServicePort) {
	t.Helper()
	changes := Changes{}
	for _, port := range ports {
		changes[port.Name] = port
	}
	if err := w.table.Apply(t.Context(), changes); err != nil {
		t.Fatal(err)
	}
	w.check(t)
}

// check compares the kernel's elements with the committed ones.
func (w *world) check(t *testing.T) {
	t.Helper()
	if damage, err := w.table.Check(t.Context(), true); damage != "" || err != nil {
		t.Errorf("kernel differs: %q, error %v", damage, err)
	}
}

func (w *world) remove(t *testing.T, port *model.ServicePort) {
	t.Helper()
	if err := w.table.Apply(t.Context(), Changes{port.Name: nil}); err != nil {
		t.Fatal(err)
	}
}

func (w *world) front(port uint16) netip.AddrPort { return netip.AddrPortFrom(w.clusterIP, port) }

func (w *world) nodeFront(port uint16) netip.AddrPort { return netip.AddrPortFrom(w.nodeIP, port) }

func expect(t *testing.T, what, got string, want ...string) {
	t.Helper()
	for _, answer := range want {
		if got == answer {
			return
		}
	}
	t.Errorf("%s: got answer %q, want one of %q", what, got, want)
}

// both runs a test for both address families.
func both(t *testing.T, test func(*testing.T, corev1.IPFamily)) {
	for _, family := range []corev1.IPFamily{corev1.IPv4Protocol, corev1.IPv6Protocol} {
		t.Run(string(family), func(t *testing.T) { test(t, family) })
	}
}

var byPrefix = Options{DetectLocal: DetectLocal{ByPrefix: true}}

func TestKernelClusterIP(t *testing.T) {
	both(t, func(t *testing.T, family corev1.IPFamily) {
		w := newWorld(t, family, byPrefix)
		w.apply(t, w.service("web", corev1.ProtocolTCP, w.pod(1)))

		// A pod keeps its address, also on the same bridge.
		expect(t, "from pod", w.Pods[0].Ask(t, "tcp", w.front(80)), "pod-b "+w.addr(w.Pods[0]))
		// Others come from the node, or the answer would take another way.
		gateway := netnstest.Gateways()[w.index].String()
		expect(t, "from outside", w.Outside.Ask(t, "tcp", w.front(80)), "pod-b "+gateway)
		expect(t, "from node", netnstest.Ask("tcp", w.front(80)), "pod-b "+gateway)
		// A pod that is given its own connection comes from the node.
		expect(t, "hairpin", w.Pods[1].Ask(t, "tcp", w.front(80)), "pod-b "+gateway)
		// Ports that no Service has.
		expect(t, "other port from pod", w.Pods[0].Ask(t, "tcp", w.front(81)), "refused")
		expect(t, "other port from outside", w.Outside.Ask(t, "tcp", w.front(81)), "refused")
		expect(t, "other port from node", netnstest.Ask("tcp", w.front(81)), "refused")
		expect(t, "other protocol", w.Pods[0].Ask(t, "udp", w.front(80)), "refused")
	})
}

func TestKernelBalances(t *testing.T) {
	w := newWorld(t, corev1.IPv4Protocol, byPrefix)
	w.apply(t, w.service("web", corev1.ProtocolTCP, w.pod(0), w.pod(1)))
	seen := map[string]int{}
	for range 64 {
		seen[netnstest.Who(w.Outside.Ask(t, "tcp", w.front(80)))]++
	}
	// The chance that one of two gets less than 12 of 64 is below 1 in 10 million.
	if len(seen) != 2 || seen["pod-a"] < 12 || seen["pod-b"] < 12 {
		t.Errorf("64 connections went to %v", seen)
	}
}

func TestKernelEndpointsComeAndGo(t *testing.T) {
	w := newWorld(t, corev1.IPv4Protocol, byPrefix)
	service := w.service("web", corev1.ProtocolTCP)
	w.apply(t, service)
	expect(t, "no endpoints, from pod", w.Pods[0].Ask(t, "tcp", w.front(80)), "refused")
	expect(t, "no endpoints, from node", netnstest.Ask("tcp", w.front(80)), "refused")
	for i, want := range []string{"pod-a", "pod-b", "pod-a"} {
		w.apply(t, w.service("web", corev1.ProtocolTCP, w.pod(i%2)))
		expect(t, "after change", netnstest.Who(w.Outside.Ask(t, "tcp", w.front(80))), want)
	}
	w.apply(t, w.service("web", corev1.ProtocolTCP))
	expect(t, "endpoints gone", w.Outside.Ask(t, "tcp", w.front(80)), "refused")
	w.remove(t, service)
	w.check(t)
	// The address belongs to nobody now; the packet leaves by the default route and
	// the machine outside does not forward it.
	if answer := w.Pods[0].AskBriefly(t, "tcp", w.front(80)); answer == "refused" {
		t.Errorf("removed Service still refuses connections")
	}
}

func TestKernelNodePort(t *testing.T) {
	both(t, func(t *testing.T, family corev1.IPFamily) {
		w := newWorld(t, family, byPrefix)
		gateway := netnstest.Gateways()[w.index].String()
		w.apply(t, w.nodePort(w.service("web", corev1.ProtocolTCP, w.pod(0)), 30080, model.AnyEndpoint))
		expect(t, "from outside", w.Outside.Ask(t, "tcp", w.nodeFront(30080)), "pod-a "+gateway)
		expect(t, "from pod", w.Pods[1].Ask(t, "tcp", w.nodeFront(30080)), "pod-a "+gateway)
		expect(t, "from itself", w.Pods[0].Ask(t, "tcp", w.nodeFront(30080)), "pod-a "+gateway)
		expect(t, "from node", netnstest.Ask("tcp", w.nodeFront(30080)), "pod-a "+gateway)
		w.apply(t, w.nodePort(w.service("web", corev1.ProtocolTCP), 30080, model.AnyEndpoint))
		expect(t, "without endpoints", w.Outside.Ask(t, "tcp", w.nodeFront(30080)), "refused")
	})
}

func TestKernelLocalPolicy(t *testing.T) {
	both(t, func(t *testing.T, family corev1.IPFamily) {
		w := newWorld(t, family, byPrefix)
		gateway := netnstest.Gateways()[w.index].String()
		service := w.nodePort(w.service("web", corev1.ProtocolTCP, w.pod(0), w.pod(1)), 30080, model.LocalForOutsiders)
		service.Local = []netip.AddrPort{w.pod(1)}
		w.apply(t, service)
		for range 8 {
			expect(t, "from outside", w.Outside.Ask(t, "tcp", w.nodeFront(30080)), "pod-b "+w.addr(w.Outside))
		}
		expect(t, "from node", netnstest.Ask("tcp", w.nodeFront(30080)), "pod-a "+gateway, "pod-b "+gateway)

		nothingLocal := w.nodePort(w.service("web", corev1.ProtocolTCP, w.pod(0)), 30080, model.LocalForOutsiders)
		w.apply(t, nothingLocal)
		expect(t, "from outside, nothing local", w.Outside.AskBriefly(t, "tcp", w.nodeFront(30080)), "silent")
		expect(t, "from pod, nothing local", w.Pods[1].Ask(t, "tcp", w.nodeFront(30080)), "pod-a "+w.addr(w.Pods[1]))
		expect(t, "from node, nothing local", netnstest.Ask("tcp", w.nodeFront(30080)), "pod-a "+gateway)

		internal := w.service("web", corev1.ProtocolTCP, w.pod(0))
		internal.Exposures[0].Scope = model.LocalEndpoint
		w.apply(t, internal)
		expect(t, "internal, nothing local", w.Pods[1].AskBriefly(t, "tcp", w.front(80)), "silent")
		internal = w.service("web", corev1.ProtocolTCP, w.pod(0), w.pod(1))
		internal.Exposures[0].Scope, internal.Local = model.LocalEndpoint, []netip.AddrPort{w.pod(0)}
		w.apply(t, internal)
		expect(t, "internal, one local", w.Pods[1].Ask(t, "tcp", w.front(80)), "pod-a "+w.addr(w.Pods[1]))
	})
}

func TestKernelSourceRanges(t *testing.T) {
	both(t, func(t *testing.T, family corev1.IPFamily) {
		w := newWorld(t, family, byPrefix)
		service := func(ranges ...netip.Prefix) *model.ServicePort {
			port := w.service("web", corev1.ProtocolTCP, w.pod(0))
			port.Exposures = append(port.Exposures, model.Exposure{
				Front: model.Front{Addr: w.otherIP, Protocol: corev1.ProtocolTCP, Port: 80}, Scope: model.AnyEndpoint, SourceRanges: ranges,
			})
			return port
		}
		outer, pods := w.Outside.Addrs[w.index].Masked(), w.Pods[1].Addrs[w.index].Masked()
		target := netip.AddrPortFrom(w.otherIP, 80)
		w.apply(t, service(outer))
		expect(t, "client in range", netnstest.Who(w.Outside.Ask(t, "tcp", target)), "pod-a")
		expect(t, "client not in range", w.Pods[1].AskBriefly(t, "tcp", target), "silent")
		w.apply(t, service(outer, pods))
		expect(t, "client in the second range", netnstest.Who(w.Pods[1].Ask(t, "tcp", target)), "pod-a")
		w.apply(t, service(pods))
		expect(t, "client in the range that went", w.Outside.AskBriefly(t, "tcp", target), "silent")
	})
}

func TestKernelAffinity(t *testing.T) {
	both(t, func(t *testing.T, family corev1.IPFamily) {
		w := newWorld(t, family, byPrefix)
		service := func(endpoints ...netip.AddrPort) *model.ServicePort {
			port := w.service("web", corev1.ProtocolTCP, endpoints...)
			port.AffinityTimeout = time.Hour
			return port
		}
		w.apply(t, service(w.pod(0), w.pod(1)))
		first := netnstest.Who(w.Outside.Ask(t, "tcp", w.front(80)))
		for range 12 {
			expect(t, "again", netnstest.Who(w.Outside.Ask(t, "tcp", w.front(80))), first)
		}
		// The endpoint goes: so do its clients, to stay at the other one.
		gone, stays, other := w.pod(0), w.pod(1), "pod-b"
		if first == "pod-b" {
			gone, stays, other = stays, gone, "pod-a"
		}
		w.apply(t, service(stays))
		expect(t, "after removal", netnstest.Who(w.Outside.Ask(t, "tcp", w.front(80))), other)
		w.apply(t, service(stays, gone))
		for range 12 {
			expect(t, "after return", netnstest.Who(w.Outside.Ask(t, "tcp", w.front(80))), other)
		}
		// A restart of the proxy keeps it.
		restarted, err := New(family, byPrefix)
		if err != nil {
			t.Fatal(err)
		}
		defer restarted.Close()
		if err := restarted.Resync(t.Context(), []model.ServicePort{*service(gone, stays)}); err != nil {
			t.Fatal(err)
		}
		for range 12 {
			expect(t, "after restart", netnstest.Who(w.Outside.Ask(t, "tcp", w.front(80))), other)
		}
	})
}

func TestKernelAffinityTimesOut(t *testing.T) {
	w := newWorld(t, corev1.IPv4Protocol, byPrefix)
	service := w.service("web", corev1.ProtocolTCP, w.pod(0), w.pod(1))
	service.AffinityTimeout = time.Second
	w.apply(t, service)
	first := netnstest.Who(w.Outside.Ask(t, "tcp", w.front(80)))
	// Wait for the state, not for a duration: the kernel forgets the client.
	deadline := time.Now().Add(30 * time.Second)
	for {
		clients, err := w.table.nft.ListElements(t.Context(), "map", affinity)
		if err != nil {
			t.Fatal(err)
		}
		if len(clients) == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("kernel still remembers %v", clients)
		}
	}
	for range 200 {
		if netnstest.Who(w.Outside.Ask(t, "tcp", w.front(80))) != first {
			return
		}
		if err := w.table.forgetClients(t.Context(), keepers{all: true}); err != nil {
			t.Fatal(err)
		}
	}
	t.Errorf("client was never given another endpoint than %s", first)
}

func TestKernelUDP(t *testing.T) {
	both(t, func(t *testing.T, family corev1.IPFamily) {
		w := newWorld(t, family, byPrefix)
		w.apply(t, w.service("dns", corev1.ProtocolUDP, w.pod(0)))
		expect(t, "from pod", w.Pods[1].Ask(t, "udp", w.front(80)), "pod-a "+w.addr(w.Pods[1]))
		expect(t, "hairpin", netnstest.Who(w.Pods[0].Ask(t, "udp", w.front(80))), "pod-a")
		expect(t, "from node", netnstest.Who(netnstest.Ask("udp", w.front(80))), "pod-a")
		w.apply(t, w.service("dns", corev1.ProtocolUDP))
		expect(t, "no endpoints", w.Pods[1].Ask(t, "udp", w.front(80)), "refused")
	})
}

func TestKernelDetectLocal(t *testing.T) {
	for name, detect := range map[string]DetectLocal{
		"bridge": {Bridge: netnstest.Bridge},
		"prefix": {InterfacePrefix: "br-"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, corev1.IPv4Protocol, Options{DetectLocal: detect})
			gateway := netnstest.Gateways()[w.index].String()
			w.apply(t, w.service("web", corev1.ProtocolTCP, w.pod(1)))
			expect(t, "from pod", w.Pods[0].Ask(t, "tcp", w.front(80)), "pod-b "+w.addr(w.Pods[0]))
			expect(t, "from outside", w.Outside.Ask(t, "tcp", w.front(80)), "pod-b "+gateway)
			expect(t, "from node", netnstest.Ask("tcp", w.front(80)), "pod-b "+gateway)
		})
	}
	t.Run("masquerade all", func(t *testing.T) {
		w := newWorld(t, corev1.IPv4Protocol, Options{MasqueradeAll: true})
		w.apply(t, w.service("web", corev1.ProtocolTCP, w.pod(1)))
		expect(t, "from pod", w.Pods[0].Ask(t, "tcp", w.front(80)), "pod-b "+netnstest.Gateways()[w.index].String())
	})
}
