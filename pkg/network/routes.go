package network

import (
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// Route leads to the pods of another node.
type Route struct {
	Destination netip.Prefix
	Via         netip.Addr
}

// Routes returns how a node reaches the pods of all others that share a link with it:
// by their internal address of the same family. Nodes without pod prefixes or without
// such an address are left out. The result is sorted.
func Routes(self string, nodes []*corev1.Node) []Route {
	var routes []Route
	for _, node := range nodes {
		if node.Name == self || node.DeletionTimestamp != nil {
			continue
		}
		for _, prefix := range podCIDRs(node) {
			if via, ok := internalAddr(node, prefix.Addr().Is4()); ok {
				routes = append(routes, Route{Destination: prefix, Via: via})
			}
		}
	}
	slices.SortFunc(routes, func(a, b Route) int { return a.Destination.Addr().Compare(b.Destination.Addr()) })
	return routes
}

func internalAddr(node *corev1.Node, is4 bool) (netip.Addr, bool) {
	for _, address := range node.Status.Addresses {
		addr, err := netip.ParseAddr(address.Address)
		if err == nil && address.Type == corev1.NodeInternalIP && addr.Unmap().Is4() == is4 {
			return addr.Unmap(), true
		}
	}
	return netip.Addr{}, false
}

// podCIDRs are the node's pod prefixes, without those that do not parse.
func podCIDRs(node *corev1.Node) []netip.Prefix {
	texts := node.Spec.PodCIDRs
	if len(texts) == 0 && node.Spec.PodCIDR != "" {
		texts = []string{node.Spec.PodCIDR}
	}
	var prefixes []netip.Prefix
	for _, text := range texts {
		if prefix, err := netip.ParsePrefix(text); err == nil {
			prefixes = append(prefixes, prefix.Masked())
		}
	}
	return prefixes
}
