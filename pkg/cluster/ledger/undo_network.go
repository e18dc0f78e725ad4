package ledger

import (
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/google/nftables"
	"github.com/google/nftables/userdata"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

func undoInterface(_ context.Context, e Entry) error {
	link, err := netlink.LinkByName(e.Name)
	if isLinkGone(err) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := deletePorts(link); err != nil {
		return err
	}
	if err := netlink.LinkDel(link); err != nil && !errors.Is(err, unix.ENODEV) {
		return err
	}
	return nil
}

// deletePorts deletes the pairs of links that lead from a bridge into network namespaces. They would go with the
// namespaces, but some time after whoever holds those has ended.
func deletePorts(bridge netlink.Link) error {
	if bridge.Type() != "bridge" {
		return nil
	}
	links, err := netlink.LinkList()
	if err != nil {
		return fmt.Errorf("list ports: %w", err)
	}
	for _, port := range links {
		if port.Attrs().MasterIndex != bridge.Attrs().Index || port.Type() != "veth" {
			continue
		}
		if err := netlink.LinkDel(port); err != nil && !errors.Is(err, unix.ENODEV) {
			return fmt.Errorf("delete port %s: %w", port.Attrs().Name, err)
		}
	}
	return nil
}

func isLinkGone(err error) bool {
	var gone netlink.LinkNotFoundError
	return errors.As(err, &gone)
}

func undoRoute(_ context.Context, e Entry) error {
	_, prefix, err := net.ParseCIDR(e.Name)
	if err != nil {
		return err
	}
	route := &netlink.Route{Dst: prefix, Gw: net.ParseIP(e.Via)}
	if e.Device != "" {
		link, err := netlink.LinkByName(e.Device)
		if isLinkGone(err) { // its routes went with it
			return nil
		}
		if err != nil {
			return err
		}
		route.LinkIndex = link.Attrs().Index
	}
	if err := netlink.RouteDel(route); err != nil && !errors.Is(err, unix.ESRCH) && !errors.Is(err, unix.ENETUNREACH) {
		return err
	}
	return nil
}

// tableFamily translates the name that nft(8) uses.
func tableFamily(name string) (nftables.TableFamily, error) {
	families := map[string]nftables.TableFamily{
		"ip": nftables.TableFamilyIPv4, "ip6": nftables.TableFamilyIPv6, "inet": nftables.TableFamilyINet,
		"arp": nftables.TableFamilyARP, "bridge": nftables.TableFamilyBridge, "netdev": nftables.TableFamilyNetdev,
	}
	family, known := families[name]
	if !known {
		return 0, fmt.Errorf("no nftables family is named %q", name)
	}
	return family, nil
}

func undoNftTable(_ context.Context, e Entry) error {
	family, err := tableFamily(e.Family)
	if err != nil {
		return err
	}
	conn, err := nftables.New()
	if err != nil {
		return fmt.Errorf("connect to nftables: %w", err)
	}
	conn.DelTable(&nftables.Table{Family: family, Name: e.Name})
	if err := conn.Flush(); err != nil && !errors.Is(err, unix.ENOENT) {
		return err
	}
	return nil
}

// undoNftRules removes our rules from a chain of somebody else.
func undoNftRules(_ context.Context, e Entry) error {
	family, err := tableFamily(e.Family)
	if err != nil {
		return err
	}
	conn, err := nftables.New()
	if err != nil {
		return fmt.Errorf("connect to nftables: %w", err)
	}
	table := &nftables.Table{Family: family, Name: e.Name}
	rules, err := conn.GetRules(table, &nftables.Chain{Table: table, Name: e.Device})
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("list rules: %w", err)
	}
	for _, rule := range rules {
		if text, ok := userdata.GetString(rule.UserData, userdata.TypeComment); !ok || text != e.Via {
			continue
		}
		if err := conn.DelRule(rule); err != nil {
			return err
		}
	}
	if err := conn.Flush(); err != nil && !errors.Is(err, unix.ENOENT) {
		return err
	}
	return nil
}
