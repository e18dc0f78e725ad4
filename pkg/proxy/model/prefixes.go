package model

import (
	"net/netip"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	netutils "k8s.io/utils/net"
)

// prefixes reads CIDRs of one family, without those that do not parse.
func prefixes(texts []string, family corev1.IPFamily) []netip.Prefix {
	var list []netip.Prefix
	for _, text := range texts {
		_, parsed, err := netutils.ParseCIDRSloppy(strings.TrimSpace(text))
		if err != nil {
			continue
		}
		addr, ok := netip.AddrFromSlice(parsed.IP)
		bits, _ := parsed.Mask.Size()
		if ok && FamilyOf(addr.Unmap()) == family {
			list = append(list, netip.PrefixFrom(addr.Unmap(), bits).Masked())
		}
	}
	return Disjoint(list)
}

// Disjoint returns the sorted prefixes without those that lie within another one.
// Two prefixes either nest or do not touch, so what remains does not overlap.
func Disjoint(list []netip.Prefix) []netip.Prefix {
	sorted := slices.Clone(list)
	slices.SortFunc(sorted, func(a, b netip.Prefix) int {
		if order := a.Addr().Compare(b.Addr()); order != 0 {
			return order
		}
		return a.Bits() - b.Bits()
	})
	var kept []netip.Prefix
	for _, prefix := range sorted {
		// Sorted by start and width, a containing prefix comes directly before
		// everything that it contains.
		if last := len(kept) - 1; last >= 0 && kept[last].Bits() <= prefix.Bits() && kept[last].Contains(prefix.Addr()) {
			continue
		}
		kept = append(kept, prefix)
	}
	return kept
}
