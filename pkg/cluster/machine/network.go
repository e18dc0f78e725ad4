package machine

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// uplink is the machine's end of the pair.
const uplink = "eth0"

// EnsureBridge makes the bridge that machines are attached to, with the host's address on it. It may exist.
func EnsureBridge(name string, address netip.Prefix) error {
	// An address of its own; else it would change with the links that come and go.
	bridge := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: name, HardwareAddr: hardwareAddr(address.Addr())}}
	if err := netlink.LinkAdd(bridge); err != nil && !errors.Is(err, unix.EEXIST) {
		return fmt.Errorf("make bridge %s: %w", name, err)
	}
	link, err := netlink.LinkByName(name)
	if err != nil {
		return fmt.Errorf("find bridge %s: %w", name, err)
	}
	if err := netlink.AddrReplace(link, &netlink.Addr{IPNet: ipNet(address)}); err != nil {
		return fmt.Errorf("give bridge %s address %v: %w", name, address, err)
	}
	if err := netlink.LinkSetUp(link); err != nil {
		return fmt.Errorf("switch bridge %s on: %w", name, err)
	}
	return nil
}

// connect calls start in a new network namespace that is connected to the bridge, so that the process which it starts finds
// its network ready. The namespace lives as long as that process.
func (c Config) connect(start func() error) error {
	bridge, err := netlink.LinkByName(c.Bridge)
	if err != nil {
		return fmt.Errorf("find bridge %s: %w", c.Bridge, err)
	}
	if err := removeLink(c.Port); err != nil {
		return err
	}
	err = inNamespace(func(host *os.File) error {
		if err := c.makeLinks(host); err != nil {
			return err
		}
		return start()
	})
	if err != nil {
		return err
	}
	port, err := netlink.LinkByName(c.Port)
	if err == nil {
		err = errors.Join(
			netlink.LinkSetAlias(port, c.Hostname), netlink.LinkSetMaster(port, bridge),
			netlink.LinkSetUp(port))
	}
	if err != nil {
		return fmt.Errorf("attach %s to bridge %s: %w", c.Port, c.Bridge, err)
	}
	return nil
}

// removeLink removes what the last life of a machine has left.
func removeLink(name string) error {
	link, err := netlink.LinkByName(name)
	var gone netlink.LinkNotFoundError
	if errors.As(err, &gone) {
		return nil
	}
	if err == nil {
		err = netlink.LinkDel(link)
	}
	if err != nil && !errors.Is(err, unix.ENODEV) {
		return fmt.Errorf("remove link %s: %w", name, err)
	}
	return nil
}

// inNamespace calls fn on a thread in a new network namespace; host is the one that the thread came from.
func inNamespace(fn func(host *os.File) error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		host, err := os.Open("/proc/thread-self/ns/net")
		if err == nil {
			defer host.Close()
			err = unix.Unshare(unix.CLONE_NEWNET)
		}
		if err != nil {
			runtime.UnlockOSThread()
			done <- fmt.Errorf("make network namespace: %w", err)
			return
		}
		err = fn(host)
		// A thread that cannot go back ends with this goroutine, for it stays locked.
		if back := unix.Setns(int(host.Fd()), unix.CLONE_NEWNET); back == nil {
			runtime.UnlockOSThread()
		}
		done <- err
	}()
	return <-done
}

// makeLinks makes the pair from inside of the machine, where the default route is the host.
func (c Config) makeLinks(host *os.File) error {
	lo, err := netlink.LinkByName("lo")
	if err == nil {
		err = netlink.LinkSetUp(lo)
	}
	if err != nil {
		return fmt.Errorf("switch loopback on: %w", err)
	}
	pair := &netlink.Veth{
		LinkAttrs: netlink.LinkAttrs{Name: uplink, HardwareAddr: hardwareAddr(c.Address.Addr())},
		PeerName:  c.Port, PeerNamespace: netlink.NsFd(host.Fd()),
	}
	if err := netlink.LinkAdd(pair); err != nil {
		return fmt.Errorf("make links %s and %s: %w", uplink, c.Port, err)
	}
	link, err := netlink.LinkByName(uplink)
	if err != nil {
		return fmt.Errorf("find link %s: %w", uplink, err)
	}
	if err := netlink.AddrAdd(link, &netlink.Addr{IPNet: ipNet(c.Address)}); err != nil {
		return fmt.Errorf("give %s address %v: %w", uplink, c.Address, err)
	}
	if err := netlink.LinkSetUp(link); err != nil {
		return fmt.Errorf("switch %s on: %w", uplink, err)
	}
	if err := netlink.RouteAdd(&netlink.Route{LinkIndex: link.Attrs().Index, Gw: c.Gateway.AsSlice()}); err != nil {
		return fmt.Errorf("route by %v: %w", c.Gateway, err)
	}
	return nil
}

// hardwareAddr follows from the address, so that neighbours find the machine at once when it comes back.
func hardwareAddr(addr netip.Addr) net.HardwareAddr {
	raw := addr.AsSlice()
	return append(net.HardwareAddr{0x02, 0x70}, raw[len(raw)-4:]...)
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}
