package model

import (
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	netutils "k8s.io/utils/net"
)

// endpoint is one address and port behind a service port.
type endpoint struct {
	addr netip.AddrPort
	// ready takes new connections; draining may take them when nothing is ready
	// (serving and terminating, KEP-1669).
	ready, draining bool
	// nodeName is empty when the slice does not say.
	nodeName string
	hints    discoveryv1.EndpointHints
}

// gather collects the endpoints of one port from the Service's slices of one
// family. An address that occurs more than once (slices overlap for a moment while
// they are rebalanced) counts once, with its most usable state.
func gather(slicesOf []*discoveryv1.EndpointSlice, name PortName) []endpoint {
	byAddr := map[netip.AddrPort]endpoint{}
	for _, slice := range slicesOf {
		if string(slice.AddressType) != string(name.Family) {
			continue
		}
		for _, port := range slice.Ports {
			number, ok := matches(port, name)
			if !ok {
				continue
			}
			for i := range slice.Endpoints {
				found, ok := parse(&slice.Endpoints[i], name.Family, number)
				if old, seen := byAddr[found.addr]; ok && (!seen || found.rank() > old.rank()) {
					byAddr[found.addr] = found
				}
			}
		}
	}
	list := make([]endpoint, 0, len(byAddr))
	for _, found := range byAddr {
		list = append(list, found)
	}
	slices.SortFunc(list, func(a, b endpoint) int { return a.addr.Compare(b.addr) })
	return list
}

// rank orders the states of one address by how usable they are.
func (e endpoint) rank() int {
	switch {
	case e.ready:
		return 2
	case e.draining:
		return 1
	}
	return 0
}

func matches(port discoveryv1.EndpointPort, name PortName) (uint16, bool) {
	protocol := corev1.ProtocolTCP
	if port.Protocol != nil {
		protocol = *port.Protocol
	}
	portName := ""
	if port.Name != nil {
		portName = *port.Name
	}
	if port.Port == nil || *port.Port < 1 || *port.Port > 65535 {
		return 0, false
	}
	return uint16(*port.Port), protocol == name.Protocol && portName == name.Port
}

// parse reads one endpoint. Only the first address counts: the API says that all
// addresses of an endpoint are interchangeable.
func parse(ep *discoveryv1.Endpoint, family corev1.IPFamily, port uint16) (endpoint, bool) {
	if len(ep.Addresses) == 0 {
		return endpoint{}, false
	}
	addr, ok := parseAddr(ep.Addresses[0])
	if !ok || FamilyOf(addr) != family {
		return endpoint{}, false
	}
	// The API says how missing conditions are read: unknown readiness means ready,
	// unknown serving is as ready, unknown terminating means no.
	conditions := ep.Conditions
	ready := conditions.Ready == nil || *conditions.Ready
	serving := ready
	if conditions.Serving != nil {
		serving = *conditions.Serving
	}
	terminating := conditions.Terminating != nil && *conditions.Terminating
	result := endpoint{addr: netip.AddrPortFrom(addr, port), ready: ready, draining: serving && terminating}
	if ep.NodeName != nil {
		result.nodeName = *ep.NodeName
	}
	if ep.Hints != nil {
		result.hints = *ep.Hints
	}
	return result, true
}

// usable returns the ready endpoints, or, when there are none, those which still
// serve while they terminate.
func usable(all []endpoint) []endpoint {
	if ready := filter(all, func(e endpoint) bool { return e.ready }); len(ready) > 0 {
		return ready
	}
	return filter(all, func(e endpoint) bool { return e.draining })
}

func filter(all []endpoint, keep func(endpoint) bool) []endpoint {
	var kept []endpoint
	for _, e := range all {
		if keep(e) {
			kept = append(kept, e)
		}
	}
	return kept
}

func addresses(list []endpoint) []netip.AddrPort {
	var result []netip.AddrPort
	for _, e := range list {
		result = append(result, e.addr)
	}
	return result
}

// parseAddr reads an address as the API server does, which lets leading zeros pass
// in objects stored long ago.
func parseAddr(text string) (netip.Addr, bool) {
	addr, ok := netip.AddrFromSlice(netutils.ParseIPSloppy(text))
	return addr.Unmap(), ok
}
