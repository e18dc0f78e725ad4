package model

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
)

var here = Node{Name: "here", Zone: "zone-a", NodePortAddresses: []netip.Addr{
	netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1"),
}}

// option changes a Service of type ClusterIP with one port 80.
type option func(*corev1.Service)

func service(options ...option) *corev1.Service {
	svc := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "web"},
		Spec: corev1.ServiceSpec{
			Type: corev1.ServiceTypeClusterIP, ClusterIP: "10.96.0.10", ClusterIPs: []string{"10.96.0.10"},
			Ports: []corev1.ServicePort{{Name: "http", Port: 80, Protocol: corev1.ProtocolTCP, TargetPort: intstr.FromInt32(8080)}},
		},
	}
	for _, change := range options {
		change(svc)
	}
	return svc
}

func nodePort(svc *corev1.Service) {
	svc.Spec.Type, svc.Spec.Ports[0].NodePort = corev1.ServiceTypeNodePort, 30080
}

func externalLocal(svc *corev1.Service) {
	svc.Spec.ExternalTrafficPolicy = corev1.ServiceExternalTrafficPolicyLocal
}

func internalLocal(svc *corev1.Service) {
	svc.Spec.InternalTrafficPolicy = ptr.To(corev1.ServiceInternalTrafficPolicyLocal)
}

func loadBalancer(ips ...string) option {
	return func(svc *corev1.Service) {
		svc.Spec.Type = corev1.ServiceTypeLoadBalancer
		for _, ip := range ips {
			svc.Status.LoadBalancer.Ingress = append(svc.Status.LoadBalancer.Ingress, corev1.LoadBalancerIngress{IP: ip})
		}
	}
}

// ep is an endpoint: its address, where it is, and its conditions ready, serving and
// terminating as letters r, s and t.
func ep(addr, node, conditions string, hints ...string) discoveryv1.Endpoint {
	has := func(letter byte) *bool {
		for i := range len(conditions) {
			if conditions[i] == letter {
				return ptr.To(true)
			}
		}
		return ptr.To(false)
	}
	e := discoveryv1.Endpoint{
		Addresses:  []string{addr},
		Conditions: discoveryv1.EndpointConditions{Ready: has('r'), Serving: has('s'), Terminating: has('t')},
	}
	if node != "" {
		e.NodeName = &node
	}
	for _, hint := range hints {
		if e.Hints == nil {
			e.Hints = &discoveryv1.EndpointHints{}
		}
		if name, isNode := hint[5:], hint[:5] == "node:"; isNode {
			e.Hints.ForNodes = append(e.Hints.ForNodes, discoveryv1.ForNode{Name: name})
		} else {
			e.Hints.ForZones = append(e.Hints.ForZones, discoveryv1.ForZone{Name: name})
		}
	}
	return e
}

func slice(endpoints ...discoveryv1.Endpoint) *discoveryv1.EndpointSlice {
	return &discoveryv1.EndpointSlice{
		AddressType: discoveryv1.AddressTypeIPv4,
		Ports:       []discoveryv1.EndpointPort{{Name: ptr.To("http"), Port: ptr.To[int32](8080), Protocol: ptr.To(corev1.ProtocolTCP)}},
		Endpoints:   endpoints,
	}
}

func endpointsAt(texts ...string) []netip.AddrPort {
	var list []netip.AddrPort
	for _, text := range texts {
		list = append(list, netip.MustParseAddrPort(text))
	}
	return list
}

var compareAddrs = cmp.Options{
	cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
	cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }),
	cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b }),
	cmpopts.EquateEmpty(),
}

// TestEndpoints shows which endpoints are chosen.
func TestEndpoints(t *testing.T) {
	for name, test := range map[string]struct {
		svc        *corev1.Service
		slices     []*discoveryv1.EndpointSlice
		any, local []netip.AddrPort
		loopers    []string
	}{
		"ready ones, sorted": {
			svc:    service(),
			slices: []*discoveryv1.EndpointSlice{slice(ep("10.1.0.3", "far", "rs"), ep("10.1.0.1", "far", "rs"), ep("10.1.0.2", "far", ""))},
			any:    endpointsAt("10.1.0.1:8080", "10.1.0.3:8080"),
		},
		"unknown conditions mean ready": {
			svc:     service(),
			slices:  []*discoveryv1.EndpointSlice{slice(discoveryv1.Endpoint{Addresses: []string{"10.1.0.1"}})},
			any:     endpointsAt("10.1.0.1:8080"),
			loopers: []string{"10.1.0.1"},
		},
		"terminating ones are not used while others are ready": {
			svc:    service(),
			slices: []*discoveryv1.EndpointSlice{slice(ep("10.1.0.1", "far", "rs"), ep("10.1.0.2", "far", "st"))},
			any:    endpointsAt("10.1.0.1:8080"),
		},
		"serving terminating ones are the last resort": {
			svc:    service(),
			slices: []*discoveryv1.EndpointSlice{slice(ep("10.1.0.1", "far", "t"), ep("10.1.0.2", "far", "st"), ep("10.1.0.3", "far", "s"))},
			any:    endpointsAt("10.1.0.2:8080"),
		},
		"published though not ready": {
			svc:    service(),
			slices: []*discoveryv1.EndpointSlice{slice(ep("10.1.0.1", "far", "rt"))},
			any:    endpointsAt("10.1.0.1:8080"),
		},
		"the same address in two slices counts once": {
			svc:    service(),
			slices: []*discoveryv1.EndpointSlice{slice(ep("10.1.0.1", "far", "")), slice(ep("10.1.0.1", "far", "rs")), slice(ep("10.1.0.1", "far", "st"))},
			any:    endpointsAt("10.1.0.1:8080"),
		},
		"only the first address of an endpoint": {
			svc: service(),
			slices: []*discoveryv1.EndpointSlice{slice(discoveryv1.Endpoint{
				Addresses: []string{"10.1.0.1", "10.1.0.2"}, NodeName: ptr.To("far")})},
			any: endpointsAt("10.1.0.1:8080"),
		},
		"odd endpoints are left out": {
			svc: service(),
			slices: []*discoveryv1.EndpointSlice{
				slice(ep("fd00::1", "far", "rs"), ep("not an address", "far", "rs"), discoveryv1.Endpoint{}),
				{AddressType: discoveryv1.AddressTypeFQDN, Endpoints: []discoveryv1.Endpoint{ep("example.test", "", "rs")}},
				{AddressType: discoveryv1.AddressTypeIPv4, Ports: []discoveryv1.EndpointPort{{Name: ptr.To("http")}},
					Endpoints: []discoveryv1.Endpoint{ep("10.1.0.9", "", "rs")}},
				{AddressType: discoveryv1.AddressTypeIPv4, Ports: []discoveryv1.EndpointPort{{Name: ptr.To("http"), Port: ptr.To[int32](70000)}},
					Endpoints: []discoveryv1.Endpoint{ep("10.1.0.9", "", "rs")}},
				{AddressType: discoveryv1.AddressTypeIPv4, Ports: []discoveryv1.EndpointPort{{Name: ptr.To("other"), Port: ptr.To[int32](80)}},
					Endpoints: []discoveryv1.Endpoint{ep("10.1.0.9", "", "rs")}},
				{AddressType: discoveryv1.AddressTypeIPv4, Ports: []discoveryv1.EndpointPort{{Name: ptr.To("http"), Port: ptr.To[int32](80), Protocol: ptr.To(corev1.ProtocolUDP)}},
					Endpoints: []discoveryv1.Endpoint{ep("10.1.0.9", "", "rs")}},
			},
		},
		"named ports may differ between slices": {
			svc: service(),
			slices: []*discoveryv1.EndpointSlice{slice(ep("10.1.0.1", "far", "rs")), {
				AddressType: discoveryv1.AddressTypeIPv4,
				Ports:       []discoveryv1.EndpointPort{{Name: ptr.To("http"), Port: ptr.To[int32](9090)}},
				Endpoints:   []discoveryv1.Endpoint{ep("10.1.0.2", "far", "rs")},
			}},
			any: endpointsAt("10.1.0.1:8080", "10.1.0.2:9090"),
		},
		"local ones are listed for a local policy": {
			svc:     service(nodePort, externalLocal),
			slices:  []*discoveryv1.EndpointSlice{slice(ep("10.1.0.1", "far", "rs"), ep("10.1.0.2", "here", "rs"), ep("10.1.0.3", "", "rs"))},
			any:     endpointsAt("10.1.0.1:8080", "10.1.0.2:8080", "10.1.0.3:8080"),
			local:   endpointsAt("10.1.0.2:8080"),
			loopers: []string{"10.1.0.2", "10.1.0.3"},
		},
		"local terminating ones when no local one is ready": {
			svc:     service(nodePort, externalLocal),
			slices:  []*discoveryv1.EndpointSlice{slice(ep("10.1.0.1", "far", "rs"), ep("10.1.0.2", "here", "st"))},
			any:     endpointsAt("10.1.0.1:8080"),
			local:   endpointsAt("10.1.0.2:8080"),
			loopers: []string{"10.1.0.2"},
		},
		"hints for the zone": {
			svc:    service(),
			slices: []*discoveryv1.EndpointSlice{slice(ep("10.1.0.1", "far", "rs", "zone:zone-a"), ep("10.1.0.2", "far", "rs", "zone:zone-b"))},
			any:    endpointsAt("10.1.0.1:8080"),
		},
		"hints for the node win over those for the zone": {
			svc: service(),
			slices: []*discoveryv1.EndpointSlice{slice(
				ep("10.1.0.1", "here", "rs", "zone:zone-a", "node:here"), ep("10.1.0.2", "far", "rs", "zone:zone-a", "node:far"))},
			any:     endpointsAt("10.1.0.1:8080"),
			loopers: []string{"10.1.0.1"},
		},
		"no hint for the node: its zone": {
			svc: service(),
			slices: []*discoveryv1.EndpointSlice{slice(
				ep("10.1.0.1", "near", "rs", "zone:zone-a", "node:near"), ep("10.1.0.2", "far", "rs", "zone:zone-b", "node:far"))},
			any: endpointsAt("10.1.0.1:8080"),
		},
		"hints that not all have do not count": {
			svc:    service(),
			slices: []*discoveryv1.EndpointSlice{slice(ep("10.1.0.1", "far", "rs", "zone:zone-a"), ep("10.1.0.2", "far", "rs"))},
			any:    endpointsAt("10.1.0.1:8080", "10.1.0.2:8080"),
		},
		"hints of endpoints that are not ready do not count": {
			svc:    service(),
			slices: []*discoveryv1.EndpointSlice{slice(ep("10.1.0.1", "far", "rs", "zone:zone-a"), ep("10.1.0.2", "far", "st"))},
			any:    endpointsAt("10.1.0.1:8080"),
		},
		"hints for other zones only": {
			svc:    service(),
			slices: []*discoveryv1.EndpointSlice{slice(ep("10.1.0.1", "far", "rs", "zone:zone-b"), ep("10.1.0.2", "far", "rs", "zone:zone-c"))},
			any:    endpointsAt("10.1.0.1:8080", "10.1.0.2:8080"),
		},
		"hints do not touch local policy": {
			svc:     service(internalLocal),
			slices:  []*discoveryv1.EndpointSlice{slice(ep("10.1.0.1", "here", "rs", "zone:zone-b"), ep("10.1.0.2", "far", "rs", "zone:zone-a"))},
			any:     endpointsAt("10.1.0.2:8080"),
			local:   endpointsAt("10.1.0.1:8080"),
			loopers: []string{"10.1.0.1"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			ports := Ports(test.svc, test.slices, here)
			if len(ports) != 1 {
				t.Fatalf("got %d ports, want 1", len(ports))
			}
			var loopers []string
			for _, addr := range ports[0].Loopers {
				loopers = append(loopers, addr.String())
			}
			got := [][]netip.AddrPort{ports[0].Any, ports[0].Local}
			if diff := cmp.Diff([][]netip.AddrPort{test.any, test.local}, got, compareAddrs); diff != "" {
				t.Errorf("any, local (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.loopers, loopers); diff != "" {
				t.Errorf("loopers (-want +got):\n%s", diff)
			}
		})
	}
}

// exposure is an Exposure as it is written in tables.
func exposure(at string, internal bool, scope Scope, ranges ...string) Exposure {
	addr := netip.MustParseAddrPort(at)
	e := Exposure{Front: Front{Addr: addr.Addr(), Protocol: corev1.ProtocolTCP, Port: addr.Port()}, Internal: internal, Scope: scope}
	for _, text := range ranges {
		e.SourceRanges = append(e.SourceRanges, netip.MustParsePrefix(text))
	}
	return e
}

// TestExposures shows where a Service with one ready endpoint elsewhere is reached.
func TestExposures(t *testing.T) {
	cluster := exposure("10.96.0.10:80", true, AnyEndpoint)
	for name, test := range map[string]struct {
		svc  *corev1.Service
		want []Exposure
		// without endpoints.
		idle bool
	}{
		"cluster address": {svc: service(), want: []Exposure{cluster}},
		"node port":       {svc: service(nodePort), want: []Exposure{cluster, exposure("192.0.2.1:30080", false, AnyEndpoint)}},
		"external policy Local": {
			svc:  service(nodePort, externalLocal),
			want: []Exposure{cluster, exposure("192.0.2.1:30080", false, LocalForOutsiders)},
		},
		"external policy Local without any endpoint": {
			svc: service(nodePort, externalLocal), idle: true,
			want: []Exposure{cluster, exposure("192.0.2.1:30080", false, AnyEndpoint)},
		},
		"internal policy Local": {
			svc:  service(nodePort, internalLocal),
			want: []Exposure{exposure("10.96.0.10:80", true, LocalEndpoint), exposure("192.0.2.1:30080", false, AnyEndpoint)},
		},
		"external addresses of both families": {
			svc:  service(func(svc *corev1.Service) { svc.Spec.ExternalIPs = []string{"198.51.100.1", "2001:db8:1::1", "junk"} }),
			want: []Exposure{cluster, exposure("198.51.100.1:80", false, AnyEndpoint)},
		},
		"load balancer with source ranges": {
			svc: service(loadBalancer("203.0.113.1"), func(svc *corev1.Service) {
				svc.Spec.LoadBalancerSourceRanges = []string{" 198.51.100.0/24", "198.51.100.128/25", "2001:db8::/32", "junk"}
				svc.Spec.ExternalIPs = []string{"198.51.100.9"}
			}),
			want: []Exposure{cluster, exposure("203.0.113.1:80", false, AnyEndpoint, "198.51.100.0/24"), exposure("198.51.100.9:80", false, AnyEndpoint)},
		},
		"load balancer that connects by itself": {
			svc: service(loadBalancer("203.0.113.1"), func(svc *corev1.Service) {
				svc.Status.LoadBalancer.Ingress[0].IPMode = ptr.To(corev1.LoadBalancerIPModeProxy)
			}),
			want: []Exposure{cluster},
		},
		"load balancer known by name": {
			svc:  service(loadBalancer(""), func(svc *corev1.Service) { svc.Status.LoadBalancer.Ingress[0].Hostname = "lb.example.test" }),
			want: []Exposure{cluster},
		},
		"status of a former load balancer": {
			svc:  service(loadBalancer("203.0.113.1"), func(svc *corev1.Service) { svc.Spec.Type = corev1.ServiceTypeClusterIP }),
			want: []Exposure{cluster},
		},
		"the restricted use of an address wins": {
			svc: service(loadBalancer("203.0.113.1"), func(svc *corev1.Service) {
				svc.Spec.LoadBalancerSourceRanges, svc.Spec.ExternalIPs = []string{"198.51.100.0/24"}, []string{"203.0.113.1"}
			}),
			want: []Exposure{cluster, exposure("203.0.113.1:80", false, AnyEndpoint, "198.51.100.0/24")},
		},
	} {
		t.Run(name, func(t *testing.T) {
			slices := []*discoveryv1.EndpointSlice{slice(ep("10.1.0.1", "far", "rs"))}
			if test.idle {
				slices = nil
			}
			ports := Ports(test.svc, slices, here)
			if len(ports) != 1 {
				t.Fatalf("got %d ports, want 1", len(ports))
			}
			if diff := cmp.Diff(test.want, ports[0].Exposures, compareAddrs); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestPortsOfDualStackService(t *testing.T) {
	svc := service(func(svc *corev1.Service) {
		svc.Spec.ClusterIPs = []string{"fd00::10", "10.96.0.10"}
		svc.Spec.ClusterIP = "fd00::10"
		svc.Spec.SessionAffinity = corev1.ServiceAffinityClientIP
		svc.Spec.Ports = append(svc.Spec.Ports, corev1.ServicePort{Name: "dns", Port: 53, Protocol: corev1.ProtocolUDP})
	})
	v6 := slice(ep("fd00:1::1", "far", "rs"))
	v6.AddressType = discoveryv1.AddressTypeIPv6
	ports := Ports(svc, []*discoveryv1.EndpointSlice{slice(ep("10.1.0.1", "far", "rs")), v6}, here)
	var names []PortName
	for _, port := range ports {
		names = append(names, port.Name)
		if port.AffinityTimeout != 3*time.Hour {
			t.Errorf("affinity timeout is %v", port.AffinityTimeout)
		}
	}
	owner := types.NamespacedName{Namespace: "ns", Name: "web"}
	want := []PortName{
		{owner, "http", corev1.ProtocolTCP, corev1.IPv4Protocol}, {owner, "dns", corev1.ProtocolUDP, corev1.IPv4Protocol},
		{owner, "http", corev1.ProtocolTCP, corev1.IPv6Protocol}, {owner, "dns", corev1.ProtocolUDP, corev1.IPv6Protocol},
	}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(endpointsAt("[fd00:1::1]:8080"), ports[2].Any, compareAddrs); diff != "" {
		t.Errorf("IPv6 endpoints (-want +got):\n%s", diff)
	}
}

func TestPortsOfOthersServices(t *testing.T) {
	for name, change := range map[string]option{
		"headless":      func(svc *corev1.Service) { svc.Spec.ClusterIP, svc.Spec.ClusterIPs = "None", []string{"None"} },
		"external name": func(svc *corev1.Service) { svc.Spec.Type = corev1.ServiceTypeExternalName },
		"other proxy": func(svc *corev1.Service) {
			svc.Labels = map[string]string{"service.kubernetes.io/service-proxy-name": "x"}
		},
		"junk address": func(svc *corev1.Service) { svc.Spec.ClusterIP, svc.Spec.ClusterIPs = "junk", []string{"junk"} },
	} {
		t.Run(name, func(t *testing.T) {
			if ports := Ports(service(change), nil, here); ports != nil {
				t.Errorf("got %v, want none", ports)
			}
		})
	}
}

func TestHealth(t *testing.T) {
	svc := service(loadBalancer("203.0.113.1"), externalLocal, func(svc *corev1.Service) {
		svc.Spec.HealthCheckNodePort = 32000
		svc.Spec.Ports = append(svc.Spec.Ports, corev1.ServicePort{Name: "http", Port: 81, Protocol: corev1.ProtocolTCP})
	})
	slices := []*discoveryv1.EndpointSlice{slice(ep("10.1.0.1", "here", "rs"), ep("10.1.0.2", "here", "st"), ep("10.1.0.3", "far", "rs"))}
	got, wanted := Health(svc, slices, here)
	want := HealthCheck{Service: types.NamespacedName{Namespace: "ns", Name: "web"}, Port: 32000, LocalEndpoints: 1}
	if !wanted || got != want {
		t.Errorf("got %+v, %v; want %+v", got, wanted, want)
	}
	if _, wanted := Health(service(), slices, here); wanted {
		t.Error("a Service of type ClusterIP has a health check")
	}
}

func TestDisjoint(t *testing.T) {
	parse := func(texts ...string) (list []netip.Prefix) {
		for _, text := range texts {
			list = append(list, netip.MustParsePrefix(text))
		}
		return list
	}
	got := Disjoint(parse("10.1.0.0/16", "10.0.0.0/8", "192.0.2.0/24", "10.0.0.0/8", "192.0.2.0/32", "11.0.0.0/8"))
	if diff := cmp.Diff(parse("10.0.0.0/8", "11.0.0.0/8", "192.0.2.0/24"), got, compareAddrs); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
