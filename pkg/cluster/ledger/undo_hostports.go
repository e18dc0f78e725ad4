package ledger

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// hostPortChains are those in which the CNI project's portmap plugin has rules for single pods (1.9, backend nftables).
func hostPortChains() []string { return []string{"hostports", "hostip_hostports", "masquerading"} }

// undoHostPorts removes the rules that lead to our pods, and the table if nobody else has rules in it: the plugin makes it again
// when it needs it.
func undoHostPorts(_ context.Context, e Entry) error {
	family, err := tableFamily(e.Family)
	if err != nil {
		return err
	}
	pods, err := netip.ParsePrefix(e.Via)
	if err != nil {
		return err
	}
	conn, err := nftables.New()
	if err != nil {
		return fmt.Errorf("connect to nftables: %w", err)
	}
	table := &nftables.Table{Family: family, Name: e.Name}
	others := 0
	for _, name := range hostPortChains() {
		rules, err := conn.GetRules(table, &nftables.Chain{Table: table, Name: name})
		if errors.Is(err, unix.ENOENT) {
			continue
		}
		if err != nil {
			return fmt.Errorf("list rules of chain %s: %w", name, err)
		}
		for _, rule := range rules {
			if !concerns(rule, pods) {
				others++
				continue
			}
			if err := conn.DelRule(rule); err != nil {
				return fmt.Errorf("remove rule of chain %s: %w", name, err)
			}
		}
	}
	if others == 0 {
		conn.DelTable(table)
	}
	if err := conn.Flush(); err != nil && !errors.Is(err, unix.ENOENT) {
		return err
	}
	return nil
}

// concerns says whether the rule has an address of the prefix in it, to which it leads or by which it chooses.
func concerns(rule *nftables.Rule, prefix netip.Prefix) bool {
	for _, e := range rule.Exprs {
		var data []byte
		switch e := e.(type) {
		case *expr.Immediate:
			data = e.Data
		case *expr.Cmp:
			data = e.Data
		}
		// Ports are shorter, names of links longer.
		if addr, ok := netip.AddrFromSlice(data); ok && prefix.Contains(addr) {
			return true
		}
	}
	return false
}
