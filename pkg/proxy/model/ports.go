package model

import (
	"net/netip"
	"slices"

	"github.com/proa-sh/proa/pkg/services"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/types"
)

// Ports returns what the proxy on this node does for a Service: one ServicePort for
// each port and address family, none if the Service is not the proxy's.
func Ports(svc *corev1.Service, slicesOf []*discoveryv1.EndpointSlice, node Node) []ServicePort {
	if !services.ForProxy(svc) {
		return nil
	}
	var ports []ServicePort
	for _, family := range []corev1.IPFamily{corev1.IPv4Protocol, corev1.IPv6Protocol} {
		clusterIPs := addrs(services.ClusterIPs(svc), family)
		if len(clusterIPs) == 0 {
			continue
		}
		for i := range svc.Spec.Ports {
			ports = append(ports, servicePort(svc, &svc.Spec.Ports[i], family, slicesOf, node))
		}
	}
	return ports
}

func servicePort(svc *corev1.Service, port *corev1.ServicePort, family corev1.IPFamily,
	slicesOf []*discoveryv1.EndpointSlice, node Node) ServicePort {
	protocol := port.Protocol
	if protocol == "" {
		protocol = corev1.ProtocolTCP
	}
	result := ServicePort{
		Name: PortName{
			Service:  types.NamespacedName{Namespace: svc.Namespace, Name: svc.Name},
			Port:     port.Name,
			Protocol: protocol,
			Family:   family,
		},
		AffinityTimeout: services.AffinityTimeout(svc),
	}
	gathered := gather(slicesOf, result.Name)
	choice := usable(gathered)
	if len(choice) > 0 && choice[0].ready {
		choice = nearby(choice, node)
	}
	result.Any = addresses(choice)
	if services.ExternalPolicyLocal(svc) || services.InternalPolicyLocal(svc) {
		result.Local = addresses(usable(onNode(gathered, node)))
	}
	result.Exposures = exposures(svc, port, result.Name, len(gathered) > 0 && len(usable(gathered)) > 0, node)
	result.Loopers = loopers(gathered, result, node)
	return result
}

func onNode(list []endpoint, node Node) []endpoint {
	return filter(list, func(e endpoint) bool { return e.nodeName != "" && e.nodeName == node.Name })
}

// loopers returns the addresses of chosen endpoints that may be on this node. When
// a slice does not say where an endpoint is, it may be here.
func loopers(gathered []endpoint, port ServicePort, node Node) []netip.Addr {
	var result []netip.Addr
	for _, e := range gathered {
		here := e.nodeName == "" || e.nodeName == node.Name
		if here && (slices.Contains(port.Any, e.addr) || slices.Contains(port.Local, e.addr)) {
			result = append(result, e.addr.Addr())
		}
	}
	return slices.Compact(result)
}

// exposures lists where the port is reached. The first use of an address wins, so
// the more restrictive kinds come first. Without any usable endpoint the policies
// make no difference: everybody is refused alike.
func exposures(svc *corev1.Service, port *corev1.ServicePort, name PortName, anyUsable bool, node Node) []Exposure {
	internal, external := AnyEndpoint, AnyEndpoint
	if anyUsable && services.InternalPolicyLocal(svc) {
		internal = LocalEndpoint
	}
	if anyUsable && services.ExternalPolicyLocal(svc) {
		external = LocalForOutsiders
	}
	var list []Exposure
	add := func(addr netip.Addr, number int32, e Exposure) {
		if number < 1 || number > 65535 || FamilyOf(addr) != name.Family {
			return
		}
		e.Front = Front{Addr: addr, Protocol: name.Protocol, Port: uint16(number)}
		if !slices.ContainsFunc(list, func(other Exposure) bool { return other.Front == e.Front }) {
			list = append(list, e)
		}
	}
	for _, addr := range addrs(services.ClusterIPs(svc), name.Family) {
		add(addr, port.Port, Exposure{Internal: true, Scope: internal})
	}
	ranges := prefixes(svc.Spec.LoadBalancerSourceRanges, name.Family)
	for _, addr := range loadBalancerAddrs(svc, name.Family) {
		add(addr, port.Port, Exposure{Scope: external, SourceRanges: ranges})
	}
	for _, addr := range addrs(svc.Spec.ExternalIPs, name.Family) {
		add(addr, port.Port, Exposure{Scope: external})
	}
	for _, addr := range node.NodePortAddresses {
		add(addr, port.NodePort, Exposure{Scope: external})
	}
	return list
}

// loadBalancerAddrs returns the addresses at which the load balancer delivers
// packets unchanged; in mode Proxy it connects by itself (KEP-1860).
func loadBalancerAddrs(svc *corev1.Service, family corev1.IPFamily) []netip.Addr {
	if svc.Spec.Type != corev1.ServiceTypeLoadBalancer {
		return nil
	}
	var texts []string
	for _, ingress := range svc.Status.LoadBalancer.Ingress {
		if ingress.IP != "" && (ingress.IPMode == nil || *ingress.IPMode == corev1.LoadBalancerIPModeVIP) {
			texts = append(texts, ingress.IP)
		}
	}
	return addrs(texts, family)
}

// Health returns the Service's health check, if it has one.
func Health(svc *corev1.Service, slicesOf []*discoveryv1.EndpointSlice, node Node) (HealthCheck, bool) {
	if !services.ForProxy(svc) || !services.NeedsHealthCheck(svc) {
		return HealthCheck{}, false
	}
	local := map[netip.Addr]bool{}
	for _, port := range Ports(svc, slicesOf, node) {
		for _, e := range onNode(gather(slicesOf, port.Name), node) {
			if e.ready {
				local[e.addr.Addr()] = true
			}
		}
	}
	return HealthCheck{
		Service:        types.NamespacedName{Namespace: svc.Namespace, Name: svc.Name},
		Port:           uint16(svc.Spec.HealthCheckNodePort),
		LocalEndpoints: len(local),
	}, true
}

func addrs(texts []string, family corev1.IPFamily) []netip.Addr {
	var list []netip.Addr
	for _, text := range texts {
		if addr, ok := parseAddr(text); ok && FamilyOf(addr) == family {
			list = append(list, addr)
		}
	}
	return list
}
