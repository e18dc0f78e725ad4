package network

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/knftables"
)

// routeProtocol marks routes as this package's in the kernel; nobody else has the number.
const routeProtocol = 112

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

// plan is what a host is to be set up for.
type plan struct {
	// own are the prefixes of the node's pods.
	own []netip.Prefix
	// nodes are the addresses of all nodes, which pods reach with their own address.
	nodes  []netip.Prefix
	routes []Route
}

// newPlan is the plan for one of the nodes, sorted.
func newPlan(self string, nodes []*corev1.Node) plan {
	p := plan{routes: Routes(self, nodes)}
	for _, node := range nodes {
		if node.Name == self {
			p.own = podCIDRs(node)
		}
		for _, is4 := range []bool{true, false} {
			if addr, ok := internalAddr(node, is4); ok {
				p.nodes = append(p.nodes, netip.PrefixFrom(addr, addr.BitLen()))
			}
		}
	}
	slices.SortFunc(p.nodes, func(a, b netip.Prefix) int { return a.Addr().Compare(b.Addr()) })
	return p
}

func (p plan) equal(other plan) bool {
	return slices.Equal(p.own, other.own) && slices.Equal(p.nodes, other.nodes) && slices.Equal(p.routes, other.routes)
}

// onLink are the routes by addresses that one of the networks contains: others go where
// the default route does.
func onLink(routes []Route, networks []netip.Prefix) []Route {
	return slices.DeleteFunc(slices.Clone(routes), func(r Route) bool {
		return !slices.ContainsFunc(networks, func(network netip.Prefix) bool { return network.Contains(r.Via) })
	})
}

// route makes the kernel's routes to pods of other nodes those that are given, as far as
// they are on a link of this node.
func (n *Node) route(family knftables.Family, routes []Route) error {
	number := netlink.FAMILY_V4
	if family == knftables.IPv6Family {
		number = netlink.FAMILY_V6
	}
	networks, err := ownNetworks(number)
	if err != nil {
		return err
	}
	have, err := netlink.RouteListFiltered(number, &netlink.Route{Protocol: routeProtocol}, netlink.RT_FILTER_PROTOCOL)
	if err != nil {
		return fmt.Errorf("list routes: %w", err)
	}
	wanted := onLink(routes, networks)
	for _, route := range wanted {
		if route.Destination.Addr().Is4() != (family == knftables.IPv4Family) {
			continue
		}
		if err := n.config.Ledger.Route(route.Destination.String(), route.Via.String(), ""); err != nil {
			return fmt.Errorf("announce route: %w", err)
		}
		err := netlink.RouteReplace(&netlink.Route{Dst: ipNet(route.Destination), Gw: route.Via.AsSlice(), Protocol: routeProtocol})
		if err != nil {
			return fmt.Errorf("route %v by %v: %w", route.Destination, route.Via, err)
		}
	}
	for _, route := range have {
		if slices.ContainsFunc(wanted, func(w Route) bool { return route.Dst.String() == w.Destination.String() }) {
			continue
		}
		if err := netlink.RouteDel(&route); err != nil && !errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("remove route %v: %w", route.Dst, err)
		}
	}
	return nil
}

// ownNetworks are those that links of this node are in.
func ownNetworks(family int) ([]netip.Prefix, error) {
	addresses, err := netlink.AddrList(nil, family)
	if err != nil {
		return nil, fmt.Errorf("list addresses: %w", err)
	}
	var networks []netip.Prefix
	for _, a := range addresses {
		if prefix, err := netip.ParsePrefix(a.IPNet.String()); err == nil {
			networks = append(networks, prefix.Masked())
		}
	}
	return networks, nil
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
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
