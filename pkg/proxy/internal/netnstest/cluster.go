package netnstest

import (
	"net"
	"net/netip"
	"os"
	"runtime"
	"testing"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
)

// Bridge is the interface that pods are attached to.
const Bridge = "br-test"

// Host is one network namespace with one interface.
type Host struct {
	Name  string
	Addrs []netip.Prefix
	ns    netns.NsHandle
}

// Cluster is a node (the process's own namespace), its pods and a client outside.
type Cluster struct {
	Pods    []*Host
	Outside *Host
}

// Addresses of the node: as gateway of its pods and on the outer network.
var (
	podGateways = []netip.Prefix{netip.MustParsePrefix("10.244.0.1/24"), netip.MustParsePrefix("fd00:10:244::1/64")}
	outerAddrs  = []netip.Prefix{netip.MustParsePrefix("192.0.2.1/24"), netip.MustParsePrefix("2001:db8::1/64")}
)

// NodeAddrs returns the node's addresses on the outer network.
func NodeAddrs() []netip.Addr { return []netip.Addr{outerAddrs[0].Addr(), outerAddrs[1].Addr()} }

// PodPrefixes returns the networks of the node's pods.
func PodPrefixes() []netip.Prefix {
	return []netip.Prefix{podGateways[0].Masked(), podGateways[1].Masked()}
}

// New builds the cluster with two pods. It is taken down at the end of the test.
func New(tb testing.TB) *Cluster {
	tb.Helper()
	for path, value := range map[string]string{
		"/proc/sys/net/ipv4/ip_forward":                 "1",
		"/proc/sys/net/ipv6/conf/all/forwarding":        "1",
		"/proc/sys/net/ipv6/conf/default/accept_dad":    "0",
		"/proc/sys/net/bridge/bridge-nf-call-iptables":  "1",
		"/proc/sys/net/bridge/bridge-nf-call-ip6tables": "1",
	} {
		must(tb, os.WriteFile(path, []byte(value), 0o644))
	}
	attrs := netlink.NewLinkAttrs()
	attrs.Name = Bridge
	bridge := &netlink.Bridge{LinkAttrs: attrs}
	must(tb, netlink.LinkAdd(bridge))
	tb.Cleanup(func() { must(tb, netlink.LinkDel(bridge)) })
	configure(tb, bridge, podGateways)

	c := &Cluster{}
	for i, name := range []string{"pod-a", "pod-b"} {
		pod := &Host{Name: name, Addrs: []netip.Prefix{nth(podGateways[0], byte(11+i)), nth(podGateways[1], byte(11+i))}}
		inner := attach(tb, pod, podGateways)
		must(tb, netlink.LinkSetMaster(inner, bridge))
		must(tb, netlink.LinkSetHairpin(inner, true))
		c.Pods = append(c.Pods, pod)
	}
	c.Outside = &Host{Name: "outside", Addrs: []netip.Prefix{nth(outerAddrs[0], 100), nth(outerAddrs[1], 100)}}
	outer := attach(tb, c.Outside, outerAddrs)
	configure(tb, outer, outerAddrs)
	addDefaultRoutes(tb, c.Outside.Addrs)
	return c
}

// nth is the network's address with another last byte.
func nth(prefix netip.Prefix, last byte) netip.Prefix {
	bytes := prefix.Addr().AsSlice()
	bytes[len(bytes)-1] = last
	addr, _ := netip.AddrFromSlice(bytes)
	return netip.PrefixFrom(addr, prefix.Bits())
}

// attach makes the host's namespace and a pair of interfaces into it, and returns
// the end that stays outside.
func attach(tb testing.TB, host *Host, gateways []netip.Prefix) netlink.Link {
	tb.Helper()
	host.ns = newNamespace(tb)
	attrs := netlink.NewLinkAttrs()
	attrs.Name = "v-" + host.Name
	must(tb, netlink.LinkAdd(&netlink.Veth{LinkAttrs: attrs, PeerName: "eth0", PeerNamespace: netlink.NsFd(host.ns)}))
	end, err := netlink.LinkByName(attrs.Name)
	must(tb, err)
	tb.Cleanup(func() {
		must(tb, netlink.LinkDel(end))
		must(tb, host.ns.Close())
	})
	must(tb, netlink.LinkSetUp(end))
	host.Do(tb, func() {
		for _, name := range []string{"lo", "eth0"} {
			link, err := netlink.LinkByName(name)
			must(tb, err)
			if name == "lo" {
				must(tb, netlink.LinkSetUp(link))
				continue
			}
			configure(tb, link, host.Addrs)
		}
		addDefaultRoutes(tb, gateways)
	})
	return end
}

func newNamespace(tb testing.TB) netns.NsHandle {
	tb.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	home, err := netns.Get()
	must(tb, err)
	defer func() { must(tb, home.Close()) }()
	made, err := netns.New()
	must(tb, err)
	must(tb, netns.Set(home))
	return made
}

func configure(tb testing.TB, link netlink.Link, addrs []netip.Prefix) {
	tb.Helper()
	must(tb, netlink.LinkSetUp(link))
	for _, addr := range addrs {
		parsed, err := netlink.ParseAddr(addr.String())
		must(tb, err)
		// Without this flag an IPv6 address cannot be used for a second.
		if addr.Addr().Is6() {
			parsed.Flags = 0x02 // IFA_F_NODAD
		}
		must(tb, netlink.AddrAdd(link, parsed))
	}
}

func addDefaultRoutes(tb testing.TB, gateways []netip.Prefix) {
	tb.Helper()
	for _, gateway := range gateways {
		must(tb, netlink.RouteAdd(&netlink.Route{Gw: net.IP(gateway.Addr().AsSlice())}))
	}
}

// Do runs f in the host's namespace, on a thread of its own.
func (h *Host) Do(tb testing.TB, f func()) {
	tb.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		// Never unlocked: the thread ends with the goroutine, with its namespace.
		runtime.LockOSThread()
		if err := netns.Set(h.ns); err != nil {
			tb.Errorf("enter namespace of %s: %v", h.Name, err)
			return
		}
		f()
	}()
	<-done
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// Gateways returns the node's addresses as gateway of its pods.
func Gateways() []netip.Addr { return []netip.Addr{podGateways[0].Addr(), podGateways[1].Addr()} }
