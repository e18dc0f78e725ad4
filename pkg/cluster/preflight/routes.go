package preflight

import (
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink"
)

// Overlap names a route of this machine that leads to addresses of the network, or is empty. Routes of a link of ours and the
// default route do not count.
func Overlap(network netip.Prefix, ours string) (string, error) {
	routes, err := netlink.RouteList(nil, netlink.FAMILY_V4)
	if err != nil {
		return "", fmt.Errorf("list routes: %w", err)
	}
	for _, route := range routes {
		if route.Dst == nil {
			continue
		}
		prefix, err := netip.ParsePrefix(route.Dst.String())
		if err != nil || prefix.Bits() == 0 || !prefix.Overlaps(network) {
			continue
		}
		link, err := netlink.LinkByIndex(route.LinkIndex)
		if err != nil || link.Attrs().Name == ours {
			continue // a link that is gone takes its routes along
		}
		return fmt.Sprintf("%v is routed by %s", prefix, link.Attrs().Name), nil
	}
	return "", nil
}
