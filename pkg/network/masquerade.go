package network

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"sigs.k8s.io/knftables"
)

// TableName is the name of the nftables tables of a node, one per family, unless it is given
// another.
const TableName = "proa-network"

const (
	ownSet      = "own"
	clusterSet  = "cluster"
	postrouting = "postrouting"
)

// masqueradeTable writes the whole table of one family into a transaction: packets of
// our own that leave the cluster get the node's address. The rules are fixed; the
// prefixes are data. Services are no matter here: their destinations have been replaced
// by endpoints before.
func masqueradeTable(tx *knftables.Transaction, family knftables.Family, own, cluster []netip.Prefix) {
	ip, addrType, multicast := "ip", "ipv4_addr", "224.0.0.0/4"
	if family == knftables.IPv6Family {
		ip, addrType, multicast = "ip6", "ipv6_addr", "ff00::/8"
	}
	// Adding first makes the deletion succeed where there is nothing.
	tx.Add(&knftables.Table{})
	tx.Delete(&knftables.Table{})
	tx.Add(&knftables.Table{})
	for name, prefixes := range map[string][]netip.Prefix{ownSet: own, clusterSet: cluster} {
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
		ip + " saddr != @" + ownSet + " return",
		ip + " daddr @" + clusterSet + " return",
		ip + " daddr " + multicast + " return",
		"masquerade fully-random",
	} {
		tx.Add(&knftables.Rule{Chain: postrouting, Rule: rule})
	}
}

// writeMasquerade replaces the table of that name.
func writeMasquerade(ctx context.Context, ledger Ledger, family knftables.Family, table string, own, cluster []netip.Prefix) error {
	if err := ledger.NftTable(string(family), table); err != nil {
		return fmt.Errorf("announce nftables table: %w", err)
	}
	nft, err := knftables.New(family, table)
	if err != nil {
		return fmt.Errorf("use nftables for %s: %w", family, err)
	}
	tx := nft.NewTransaction()
	masqueradeTable(tx, family, own, cluster)
	if err := nft.Run(ctx, tx); err != nil {
		return fmt.Errorf("write nftables table %s %s: %w", family, table, err)
	}
	return nil
}

// ShareUplink gives packets that nodes of a network behind this machine send out of the
// cluster this machine's address, by a table of that name.
func ShareUplink(ctx context.Context, ledger Ledger, table string, nodes netip.Prefix, pods ...netip.Prefix) error {
	cluster := append([]netip.Prefix{nodes}, pods...)
	if err := openFirewall(ledger, cluster); err != nil {
		return err
	}
	for _, family := range families {
		if own := ofFamily([]netip.Prefix{nodes}, family); len(own) > 0 {
			return writeMasquerade(ctx, ledger, family, table, own, ofFamily(cluster, family))
		}
	}
	return nil
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
