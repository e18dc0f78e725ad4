package network

import (
	"io"
	"net"
	"net/netip"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"sigs.k8s.io/knftables"
)

func TestMasqueradeTable(t *testing.T) {
	nft := knftables.NewFake(knftables.IPv4Family, TableName)
	prefixes := func(text string) []netip.Prefix { return []netip.Prefix{netip.MustParsePrefix(text)} }
	for _, own := range []string{"10.244.1.0/24", "10.244.2.0/24"} {
		tx := nft.NewTransaction()
		masqueradeTable(tx, knftables.IPv4Family, prefixes(own), prefixes("10.244.0.0/16"))
		if err := nft.Run(t.Context(), tx); err != nil {
			t.Fatal(err)
		}
	}
	want := `add table ip proa-network
add chain ip proa-network postrouting { type nat hook postrouting priority 100 ; }
add set ip proa-network cluster { type ipv4_addr ; flags interval ; auto-merge ; }
add set ip proa-network own { type ipv4_addr ; flags interval ; auto-merge ; }
add rule ip proa-network postrouting ip saddr != @own return
add rule ip proa-network postrouting ip daddr @cluster return
add rule ip proa-network postrouting ip daddr 224.0.0.0/4 return
add rule ip proa-network postrouting masquerade fully-random
add element ip proa-network cluster { 10.244.0.0/16 }
add element ip proa-network own { 10.244.2.0/24 }
`
	if diff := cmp.Diff(want, nft.Dump()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// side is a network namespace at one end of a link to the node.
type side struct{ ns netns.NsHandle }

// newSide links a namespace with an address to the node, which has another one.
func newSide(t *testing.T, name, nodeAddr, sideAddr string) *side {
	t.Helper()
	s := &side{}
	runtime.LockOSThread()
	home, err := netns.Get()
	check(t, err)
	s.ns, err = netns.New()
	check(t, err)
	check(t, netns.Set(home))
	check(t, home.Close())
	runtime.UnlockOSThread()
	attrs := netlink.NewLinkAttrs()
	attrs.Name = name
	check(t, netlink.LinkAdd(&netlink.Veth{LinkAttrs: attrs, PeerName: "eth0", PeerNamespace: netlink.NsFd(s.ns)}))
	configure(t, name, nodeAddr)
	s.do(func() {
		configure(t, "eth0", sideAddr)
		gateway := netip.MustParsePrefix(nodeAddr).Addr()
		check(t, netlink.RouteAdd(&netlink.Route{Gw: net.IP(gateway.AsSlice())}))
	})
	t.Cleanup(func() { check(t, s.ns.Close()) })
	return s
}

func configure(t *testing.T, name, addr string) {
	t.Helper()
	link, err := netlink.LinkByName(name)
	check(t, err)
	parsed, err := netlink.ParseAddr(addr)
	check(t, err)
	check(t, netlink.AddrAdd(link, parsed))
	check(t, netlink.LinkSetUp(link))
}

// do runs f on a thread that ends with it.
func (s *side) do(f func()) {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		err := netns.Set(s.ns)
		if err == nil {
			f()
		}
		done <- err
	}()
	if err := <-done; err != nil {
		panic(err)
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestMasqueradeInKernel connects from a pod to a pod of another node and to the world.
func TestMasqueradeInKernel(t *testing.T) {
	check(t, os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0))
	pod := newSide(t, "pod", "10.244.1.1/24", "10.244.1.2/24")
	otherPod := newSide(t, "other", "10.244.2.1/24", "10.244.2.2/24")
	world := newSide(t, "world", "192.0.2.1/24", "192.0.2.2/24")
	own, cluster := netip.MustParsePrefix("10.244.1.0/24"), netip.MustParsePrefix("10.244.0.0/16")
	check(t, writeMasquerade(t.Context(), &book{}, knftables.IPv4Family, TableName, []netip.Prefix{own}, []netip.Prefix{cluster}))

	for _, test := range []struct {
		what     string
		from, to *side
		at, want string
	}{
		{"to another pod", pod, otherPod, "10.244.2.2:80", "10.244.1.2"},
		{"to the world", pod, world, "192.0.2.2:80", "192.0.2.1"},
		{"from the world", world, pod, "10.244.1.2:80", "192.0.2.2"},
	} {
		if got := seenAddress(t, test.from, test.to, test.at); got != test.want {
			t.Errorf("%s: seen from %s, want %s", test.what, got, test.want)
		}
	}
	check(t, Cleanup(t.Context()))
	if got := seenAddress(t, pod, world, "192.0.2.2:80"); got != "10.244.1.2" {
		t.Errorf("after Cleanup: seen from %s", got)
	}
}

// seenAddress is the client's address as the server sees it.
func seenAddress(t *testing.T, from, to *side, at string) string {
	t.Helper()
	var listener net.Listener
	to.do(func() {
		var err error
		listener, err = net.Listen("tcp", at)
		if err != nil {
			t.Error(err)
		}
	})
	seen := make(chan string, 1)
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			seen <- err.Error()
			return
		}
		seen <- netip.MustParseAddrPort(conn.RemoteAddr().String()).Addr().String()
		_ = conn.Close()
	}()
	from.do(func() {
		conn, err := net.DialTimeout("tcp", at, 5*time.Second)
		if err != nil {
			t.Error(err)
			_ = listener.Close()
			return
		}
		_, _ = io.Copy(io.Discard, conn)
		_ = conn.Close()
	})
	result := <-seen
	_ = listener.Close()
	return result
}
