package cluster

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink"
)

// nodeIP is the address by which others reach this machine: one of the link that has the default route, or else any
// that is not the loopback's.
func nodeIP() (netip.Addr, error) {
	routes, err := netlink.RouteList(nil, netlink.FAMILY_V4)
	if err != nil {
		return netip.Addr{}, fmt.Errorf("list routes: %w", err)
	}
	for _, route := range routes {
		if route.Dst != nil && !route.Dst.IP.IsUnspecified() {
			continue
		}
		if source, ok := netip.AddrFromSlice(route.Src.To4()); ok {
			return source, nil
		}
		if addr, err := addressOf(route.LinkIndex); err == nil {
			return addr, nil
		}
	}
	links, err := netlink.LinkList()
	if err != nil {
		return netip.Addr{}, fmt.Errorf("list network links: %w", err)
	}
	for _, link := range links {
		if addr, err := addressOf(link.Attrs().Index); err == nil {
			return addr, nil
		}
	}
	return netip.Addr{}, errors.New("find this machine's address: no link has one; give it with --node-ip")
}

// addressOf gives the first address of a link that other machines could use.
func addressOf(index int) (netip.Addr, error) {
	link, err := netlink.LinkByIndex(index)
	if err != nil {
		return netip.Addr{}, err
	}
	addresses, err := netlink.AddrList(link, netlink.FAMILY_V4)
	if err != nil {
		return netip.Addr{}, err
	}
	for _, a := range addresses {
		if addr, ok := netip.AddrFromSlice(a.IP.To4()); ok && addr.IsGlobalUnicast() {
			return addr, nil
		}
	}
	return netip.Addr{}, errors.New("the link has no address")
}
