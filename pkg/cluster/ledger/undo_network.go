package ledger

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/nftables"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

const sysctlRoot = "/proc/sys"

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

// undoSysctl restores the old value, unless somebody else has set another since.
func undoSysctl(_ context.Context, e Entry) error {
	path := filepath.Join(sysctlRoot, e.Name)
	now, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) { // of an interface that is gone
		return nil
	}
	if err != nil {
		return err
	}
	if strings.TrimSpace(string(now)) != strings.TrimSpace(string(e.New)) {
		return nil
	}
	return os.WriteFile(path, e.Old, 0)
}
