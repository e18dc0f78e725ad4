package network

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"sigs.k8s.io/knftables"
)

// TableName is the name of the nftables tables this package owns, one per family.
const TableName = "proa-network"

const (
	ownPods     = "own-pods"
	clusterPods = "cluster-pods"
	postrouting = "postrouting"
)

// masqueradeTable writes the whole table of one family into a transaction: packets of
// own pods that go to no pod of the cluster get the node's address. The rules are
// fixed; the prefixes are data. Services are no matter here: their destinations have
// been replaced by endpoints before.
func masqueradeTable(tx *knftables.Transaction, family knftables.Family, own, cluster []netip.Prefix) {
	ip, addrType, multicast := "ip", "ipv4_addr", "224.0.0.0/4"
	if family == knftables.IPv6Family {
		ip, addrType, multicast = "ip6", "ipv6_addr", "ff00::/8"
	}
	// Adding first makes the deletion succeed where there is nothing.
	tx.Add(&knftables.Table{})
	tx.Delete(&knftables.Table{})
	tx.Add(&knftables.Table{})
	for name, prefixes := range map[string][]netip.Prefix{ownPods: own, clusterPods: cluster} {
		tx.Add(&knftables.Set{Name: name, Type: addrType, Flags: []knftables.SetFlag{knftables.IntervalFlag},
			AutoMerge: knftables.PtrTo(true)})
		for _, prefix := range prefixes {
			tx.Add(&knftables.Element{Set: name, Key: []string{prefix.Masked().String()}})
		}
	}
	tx.Add(&knftables.Chain{
		Name: postrouting, Type: knftables.PtrTo(knftables.NATType), Hook: knftables.PtrTo(knftables.PostroutingHook),
		Priority: knftables.PtrTo(knftables.SNATPriority),
	})
	for _, rule := range []string{
		ip + " saddr != @" + ownPods + " return",
		ip + " daddr @" + clusterPods + " return",
		ip + " daddr " + multicast + " return",
		"masquerade fully-random",
	} {
		tx.Add(&knftables.Rule{Chain: postrouting, Rule: rule})
	}
}

// ofFamily are the prefixes of one family.
func ofFamily(prefixes []netip.Prefix, family knftables.Family) []netip.Prefix {
	return slices.DeleteFunc(slices.Clone(prefixes), func(p netip.Prefix) bool {
		return p.Addr().Is4() != (family == knftables.IPv4Family)
	})
}

// families that a node can have.
var families = [...]knftables.Family{knftables.IPv4Family, knftables.IPv6Family}

// Cleanup removes the tables of both families from the network namespace of the
// process. It is no error if there are none.
func Cleanup(ctx context.Context) error {
	var failures []error
	for _, family := range families {
		nft, err := knftables.New(family, TableName)
		if err != nil {
			failures = append(failures, fmt.Errorf("use nftables for %s: %w", family, err))
			continue
		}
		tx := nft.NewTransaction()
		tx.Add(&knftables.Table{})
		tx.Delete(&knftables.Table{})
		if err := nft.Run(ctx, tx); err != nil {
			failures = append(failures, fmt.Errorf("delete nftables table %s %s: %w", family, TableName, err))
		}
	}
	return errors.Join(failures...)
}
