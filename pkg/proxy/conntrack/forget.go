package conntrack

import (
	"fmt"
	"net/netip"

	"github.com/proa-sh/proa/pkg/proxy/model"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
	corev1 "k8s.io/api/core/v1"
)

// Fronts are UDP fronts with the endpoints to which their entries may stay. No
// endpoints: all entries go.
type Fronts map[model.Front]map[netip.AddrPort]bool

// Add notes the UDP fronts of a port with its current endpoints; nil endpoints mean
// that the front is gone.
func (f Fronts) Add(port *model.ServicePort, gone bool) {
	if port.Name.Protocol != corev1.ProtocolUDP {
		return
	}
	keep := map[netip.AddrPort]bool{}
	if !gone {
		for _, list := range [][]netip.AddrPort{port.Any, port.Local} {
			for _, endpoint := range list {
				keep[endpoint] = true
			}
		}
	}
	for _, exposure := range port.Exposures {
		f[exposure.Front] = keep
	}
}

// Forget deletes the entries of one family that lead elsewhere and returns how many.
func (f Fronts) Forget(family corev1.IPFamily) (int, error) {
	if len(f) == 0 {
		return 0, nil
	}
	inet := netlink.InetFamily(unix.AF_INET)
	if family == corev1.IPv6Protocol {
		inet = unix.AF_INET6
	}
	deleted, err := netlink.ConntrackDeleteFilters(netlink.ConntrackTable, inet, f)
	if err != nil {
		return int(deleted), fmt.Errorf("delete stale UDP entries of connection tracking: %w", err)
	}
	return int(deleted), nil
}

// MatchConntrackFlow says whether an entry is to be deleted; it is the interface that
// package netlink asks for.
func (f Fronts) MatchConntrackFlow(flow *netlink.ConntrackFlow) bool {
	if flow.Forward.Protocol != unix.IPPROTO_UDP {
		return false
	}
	destination, ok := netip.AddrFromSlice(flow.Forward.DstIP)
	if !ok {
		return false
	}
	keep, ours := f[model.Front{Addr: destination.Unmap(), Protocol: corev1.ProtocolUDP, Port: flow.Forward.DstPort}]
	if !ours {
		return false
	}
	// Who answers is where the packets were sent to.
	answering, ok := netip.AddrFromSlice(flow.Reverse.SrcIP)
	return !ok || !keep[netip.AddrPortFrom(answering.Unmap(), flow.Reverse.SrcPort)]
}
