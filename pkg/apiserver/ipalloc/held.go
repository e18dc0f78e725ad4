package ipalloc

import (
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// AddressesOf returns the cluster IPs that a stored service has.
func AddressesOf(s *corev1.Service) []netip.Addr {
	var out []netip.Addr
	for _, text := range s.Spec.ClusterIPs {
		if ip, err := netip.ParseAddr(text); err == nil {
			out = append(out, ip)
		}
	}
	return out
}

// PortsOf returns the node ports that a stored service has, each once.
func PortsOf(s *corev1.Service) []int32 {
	var out []int32
	add := func(port int32) {
		if port != 0 && !slices.Contains(out, port) {
			out = append(out, port)
		}
	}
	for _, p := range s.Spec.Ports {
		add(p.NodePort)
	}
	add(s.Spec.HealthCheckNodePort)
	return out
}
