package ipalloc

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
)

func newAddresses(t *testing.T, ranges ...string) *Addresses {
	t.Helper()
	client := fake.NewClientset()
	// The fake knows nothing of dry runs, which the real server does.
	client.PrependReactor("create", "ipaddresses", func(a clienttesting.Action) (bool, runtime.Object, error) {
		c, ok := a.(clienttesting.CreateActionImpl)
		return ok && len(c.CreateOptions.DryRun) > 0, c.Object, nil
	})
	factory := informers.NewSharedInformerFactory(client, 0)
	a := &Addresses{Client: client, CIDRs: factory.Networking().V1().ServiceCIDRs().Lister(), Taken: factory.Networking().V1().IPAddresses().Lister()}
	a.Holds = func(_ context.Context, o Owner, _ netip.Addr) (bool, error) { return o.Name == "holder", nil }
	uid := 0
	client.PrependReactor("create", "ipaddresses", func(a clienttesting.Action) (bool, runtime.Object, error) {
		if c, ok := a.(clienttesting.CreateActionImpl); ok && len(c.CreateOptions.DryRun) == 0 {
			uid++
			c.Object.(*networkingv1.IPAddress).UID = types.UID(fmt.Sprint(uid))
		}
		return false, nil, nil
	})
	for _, r := range ranges {
		a.Ranges = append(a.Ranges, netip.MustParsePrefix(r))
	}
	more := &networkingv1.ServiceCIDR{ObjectMeta: metav1.ObjectMeta{Name: "more"}, Spec: networkingv1.ServiceCIDRSpec{CIDRs: []string{"10.1.0.0/30"}}}
	more.Status.Conditions = []metav1.Condition{{Type: networkingv1.ServiceCIDRConditionReady, Status: metav1.ConditionTrue}}
	going := more.DeepCopy()
	going.Name, going.DeletionTimestamp, going.Spec.CIDRs = "going", &metav1.Time{}, []string{"10.2.0.0/30"}
	fresh := &networkingv1.ServiceCIDR{ObjectMeta: metav1.ObjectMeta{Name: "fresh"}, Spec: networkingv1.ServiceCIDRSpec{CIDRs: []string{"10.3.0.0/30"}}}
	for _, c := range []*networkingv1.ServiceCIDR{more, going, fresh} {
		if err := factory.Networking().V1().ServiceCIDRs().Informer().GetIndexer().Add(c); err != nil {
			t.Fatal(err)
		}
	}
	return a
}

func TestAddresses(t *testing.T) {
	a := newAddresses(t, "10.0.0.0/29", "fd00::/120")
	ctx, me, you := t.Context(), Owner{"ns", "me"}, Owner{"ns", "you"}
	for text, want := range map[string]error{
		"10.0.0.1": nil, "10.0.0.6": nil, "10.0.0.0": ErrOutside, "10.0.0.7": ErrOutside, "10.0.1.1": ErrOutside,
		"10.1.0.1": nil, "10.2.0.1": ErrOutside, "10.3.0.1": ErrOutside, "fd00::": ErrOutside, "fd00::1": nil, "fd00::ff": nil, "fd00::100": ErrOutside,
	} {
		ip := netip.MustParseAddr(text)
		if _, err := a.Take(ctx, ip, me, true); !errors.Is(err, want) {
			t.Errorf("dry run of %s: got %v, want %v", ip, err, want)
		}
		if _, err := a.Take(ctx, ip, me, false); !errors.Is(err, want) {
			t.Errorf("take %s: got %v, want %v", ip, err, want)
		}
	}
	mine := netip.MustParseAddr("10.0.0.1")
	if _, err := a.Take(ctx, mine, you, false); !errors.Is(err, ErrTaken) {
		t.Errorf("another's address: got %v", err)
	}
	if err := a.Release(ctx, Lease{Address: mine}, you); err != nil {
		t.Error(err)
	}
	if _, err := a.Take(ctx, mine, you, false); !errors.Is(err, ErrTaken) {
		t.Errorf("an address that another has given back: got %v", err)
	}
	if err := a.Release(ctx, Lease{Address: mine}, me); err != nil {
		t.Error(err)
	}
	if _, err := a.Take(ctx, mine, you, false); err != nil {
		t.Errorf("an address that was given back: got %v", err)
	}
	// 10.0.0.2 to 10.0.0.5 and 10.1.0.2 are left.
	seen := map[netip.Addr]bool{}
	for range 5 {
		l, err := a.Any(ctx, true, me, false)
		if err != nil || seen[l.Address] {
			t.Errorf("got %v, %v after %v", l, err, seen)
		}
		seen[l.Address] = true
	}
	if l, err := a.Any(ctx, true, me, false); !errors.Is(err, ErrFull) {
		t.Errorf("of a full range: got %v, %v", l, err)
	}
	if l, err := a.Any(ctx, false, me, false); err != nil || !l.Address.Is6() {
		t.Errorf("of the other family: got %v, %v", l, err)
	}
}

// TestAdoption plays a server that was killed between the two writes of a service, and its successor.
func TestAdoption(t *testing.T) {
	a := newAddresses(t, "10.0.0.0/29")
	ctx, ip, me := t.Context(), netip.MustParseAddr("10.0.0.1"), Owner{"default", "kubernetes"}
	killed, err := a.Take(ctx, ip, me, false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Take(ctx, ip, Owner{"default", "other"}, false); !errors.Is(err, ErrTaken) {
		t.Errorf("another service: got %v", err)
	}
	if l, err := a.Take(ctx, ip, me, true); err != nil || l.UID != "" {
		t.Errorf("dry run of the same service: got %v, %v", l, err)
	}
	next, err := a.Take(ctx, ip, me, false)
	if err != nil || next.UID == killed.UID {
		t.Fatalf("the same service: got %v after %v, %v", next, killed, err)
	}
	// If the first one lives after all, and gives back what it took, the second one's stays.
	if err := a.Release(ctx, killed, me); err != nil {
		t.Error(err)
	}
	if _, err := a.Take(ctx, ip, Owner{"default", "other"}, false); !errors.Is(err, ErrTaken) {
		t.Errorf("another service, after the first write gave its address back: got %v", err)
	}
	// What a stored service holds is not taken over.
	holder, held := Owner{"default", "holder"}, netip.MustParseAddr("10.0.0.2")
	if _, err := a.Take(ctx, held, holder, false); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Take(ctx, held, holder, false); !errors.Is(err, ErrTaken) {
		t.Errorf("the address of a stored service: got %v", err)
	}
	// The deletion of an earlier service of the name comes late.
	if err := a.Release(ctx, Lease{Address: held}, holder); err != nil {
		t.Error(err)
	}
	if _, err := a.Take(ctx, held, me, false); !errors.Is(err, ErrTaken) {
		t.Errorf("another service, after the late deletion: got %v", err)
	}
}

// TestCandidates checks which addresses are handed out, and which of them last.
func TestCandidates(t *testing.T) {
	for _, c := range []struct {
		cidr        string
		all, static int // how many, and how many of them are the low ones that come last
	}{
		{"10.0.0.0/24", 254, 15}, {"10.0.0.0/28", 14, 0}, {"10.0.0.0/20", 4094, 255}, {"10.0.0.0/30", 2, 0}, {"10.0.0.0/31", 2, 0}, {"fd00::/120", 255, 15},
	} {
		p := netip.MustParsePrefix(c.cidr)
		var order []netip.Addr
		seen := map[netip.Addr]bool{}
		for ip := range candidates(p) {
			if !p.Contains(ip) {
				t.Errorf("%s: got %s", c.cidr, ip)
			}
			if !seen[ip] {
				seen[ip] = true
				order = append(order, ip)
			}
		}
		if len(order) != c.all {
			t.Errorf("%s: got %d addresses, want %d", c.cidr, len(order), c.all)
			continue
		}
		for i, ip := range order[c.all-c.static:] {
			if i > 0 && !order[c.all-c.static+i-1].Less(ip) || order[0].Less(ip) {
				t.Errorf("%s: %s is not of the static part", c.cidr, ip)
			}
		}
	}
}
