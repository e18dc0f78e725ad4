package network

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func node(name string, cidrs []string, addrs ...string) *corev1.Node {
	n := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: corev1.NodeSpec{PodCIDRs: cidrs}}
	for _, addr := range addrs {
		n.Status.Addresses = append(n.Status.Addresses, corev1.NodeAddress{Type: corev1.NodeInternalIP, Address: addr})
	}
	return n
}

func TestRoutes(t *testing.T) {
	single := node("e", nil, "192.0.2.5")
	single.Spec.PodCIDR = "10.244.5.0/24"
	leaving := node("f", []string{"10.244.6.0/24"}, "192.0.2.6")
	leaving.DeletionTimestamp = &metav1.Time{Time: time.Unix(1, 0)}
	external := node("g", []string{"10.244.7.0/24"})
	external.Status.Addresses = []corev1.NodeAddress{{Type: corev1.NodeExternalIP, Address: "192.0.2.7"}}
	got := Routes("a", []*corev1.Node{
		node("c", []string{"10.244.3.0/24", "fd00:3::/64"}, "junk", "2001:db8::3", "192.0.2.3"),
		node("a", []string{"10.244.1.0/24"}, "192.0.2.1"),
		node("b", []string{"10.244.2.7/24", "junk"}, "192.0.2.2"),
		node("d", nil, "192.0.2.4"),
		node("h", []string{"fd00:8::/64"}, "192.0.2.8"),
		single, leaving, external,
	})
	var texts []string
	for _, route := range got {
		texts = append(texts, route.Destination.String()+" via "+route.Via.String())
	}
	want := []string{
		"10.244.2.0/24 via 192.0.2.2", "10.244.3.0/24 via 192.0.2.3", "10.244.5.0/24 via 192.0.2.5", "fd00:3::/64 via 2001:db8::3",
	}
	if diff := cmp.Diff(want, texts); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestOfFamily(t *testing.T) {
	four, six := netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")
	for _, family := range families {
		got := ofFamily([]netip.Prefix{four, six}, family)
		if len(got) != 1 || got[0].Addr().Is4() != (family == "ip") {
			t.Errorf("%s: got %v", family, got)
		}
	}
}

func TestPlan(t *testing.T) {
	got := newPlan("a", []*corev1.Node{
		node("b", []string{"10.244.2.0/24"}, "192.0.2.2"), node("a", []string{"10.244.1.0/24"}, "192.0.2.1", "2001:db8::1"), node("new", nil),
	})
	parse := netip.MustParsePrefix
	want := plan{
		own: []netip.Prefix{parse("10.244.1.0/24")}, nodes: []netip.Prefix{parse("192.0.2.1/32"), parse("192.0.2.2/32"), parse("2001:db8::1/128")},
		routes: []Route{{parse("10.244.2.0/24"), netip.MustParseAddr("192.0.2.2")}},
	}
	if !got.equal(want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestOnLink(t *testing.T) {
	near, far := Route{Via: netip.MustParseAddr("192.0.2.9")}, Route{Via: netip.MustParseAddr("198.51.100.9")}
	got := onLink([]Route{near, far}, []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("192.0.2.0/24")})
	if len(got) != 1 || got[0] != near {
		t.Errorf("got %v", got)
	}
}
