package ipalloc

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"math/rand/v2"
	"net/netip"

	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/kubernetes"
	networkinglisters "k8s.io/client-go/listers/networking/v1"
)

// Owner is the service that an address is for.
type Owner struct{ Namespace, Name string }

// Addresses allocates cluster IPs.
type Addresses struct {
	// Ranges that always exist, from the server's options.
	Ranges []netip.Prefix
	// CIDRs are further ranges that administrators have added.
	CIDRs  networkinglisters.ServiceCIDRLister
	Taken  networkinglisters.IPAddressLister
	Client kubernetes.Interface
}

var (
	// ErrFull says that no address is left.
	ErrFull = errors.New("range is full")
	// ErrTaken says that an address belongs to another service.
	ErrTaken = errors.New("provided IP is already allocated")
	// ErrOutside says that an address is in no range.
	ErrOutside = errors.New("the provided IP is not in any of the service ranges")
)

// attempts bounds the random tries before every address is tried in order.
const attempts = 16

// Any takes a free address of a family. With dry set it only finds one.
func (a *Addresses) Any(ctx context.Context, family4 bool, owner Owner, dry bool) (netip.Addr, error) {
	for _, prefix := range a.ranges(family4) {
		for candidate := range candidates(prefix) {
			if _, err := a.Taken.Get(candidate.String()); err == nil {
				continue
			}
			err := a.create(ctx, candidate, owner, dry)
			if errors.Is(err, ErrTaken) {
				continue
			}
			return candidate, err
		}
	}
	return netip.Addr{}, ErrFull
}

// Take takes the given address.
func (a *Addresses) Take(ctx context.Context, ip netip.Addr, owner Owner, dry bool) error {
	for _, prefix := range a.ranges(ip.Is4()) {
		if first, last := usable(prefix); prefix.Contains(ip) && !ip.Less(first) && !last.Less(ip) {
			return a.create(ctx, ip, owner, dry)
		}
	}
	return ErrOutside
}

// Release gives an address back, if it is the owner's.
func (a *Addresses) Release(ctx context.Context, ip netip.Addr, owner Owner) error {
	addresses := a.Client.NetworkingV1().IPAddresses()
	obj, err := addresses.Get(ctx, ip.String(), metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("release cluster IP %s: %w", ip, err)
	}
	if p := obj.Spec.ParentRef; p == nil || p.Namespace != owner.Namespace || p.Name != owner.Name {
		return nil
	}
	err = addresses.Delete(ctx, obj.Name, metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &obj.UID}})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("release cluster IP %s: %w", ip, err)
	}
	return nil
}

func (a *Addresses) ranges(family4 bool) []netip.Prefix {
	all := a.Ranges
	// A lister's only error is that of a bad selector.
	cidrs, _ := a.CIDRs.List(labels.Everything())
	for _, c := range cidrs {
		if c.DeletionTimestamp != nil {
			continue
		}
		for _, s := range c.Spec.CIDRs {
			if p, err := netip.ParsePrefix(s); err == nil {
				all = append(all[:len(all):len(all)], p.Masked())
			}
		}
	}
	var out []netip.Prefix
	seen := map[netip.Prefix]bool{}
	for _, p := range all {
		if p.Addr().Is4() == family4 && !seen[p] {
			seen[p] = true
			out = append(out, p)
		}
	}
	return out
}

// Labels of IPAddress objects that this allocator manages, as upstream's has them.
const managedBy = "ipallocator.k8s.io"

func (a *Addresses) create(ctx context.Context, ip netip.Addr, owner Owner, dry bool) error {
	family := "IPv6"
	if ip.Is4() {
		family = "IPv4"
	}
	options := metav1.CreateOptions{}
	if dry {
		options.DryRun = []string{metav1.DryRunAll}
	}
	_, err := a.Client.NetworkingV1().IPAddresses().Create(ctx, &networkingv1.IPAddress{
		ObjectMeta: metav1.ObjectMeta{Name: ip.String(), Labels: map[string]string{
			networkingv1.LabelIPAddressFamily: family, networkingv1.LabelManagedBy: managedBy}},
		Spec: networkingv1.IPAddressSpec{ParentRef: &networkingv1.ParentReference{Resource: "services", Namespace: owner.Namespace, Name: owner.Name}},
	}, options)
	if apierrors.IsAlreadyExists(err) {
		return ErrTaken
	}
	if err != nil {
		return fmt.Errorf("take cluster IP %s: %w", ip, err)
	}
	return nil
}

// usable returns the first and last address that may be allocated: not the network's own and, of IPv4, not broadcast.
func usable(p netip.Prefix) (first, last netip.Addr) {
	first = p.Masked().Addr()
	last = offset(first, new(big.Int).Sub(size(p), big.NewInt(1)))
	if p.Bits() >= p.Addr().BitLen()-1 {
		return first, last
	}
	first = first.Next()
	if p.Addr().Is4() {
		last = last.Prev()
	}
	return first, last
}

func size(p netip.Prefix) *big.Int {
	return new(big.Int).Lsh(big.NewInt(1), uint(p.Addr().BitLen()-p.Bits()))
}

func offset(a netip.Addr, n *big.Int) netip.Addr {
	sum := new(big.Int).Add(new(big.Int).SetBytes(a.AsSlice()), n)
	raw := make([]byte, a.BitLen()/8)
	out, _ := netip.AddrFromSlice(sum.FillBytes(raw))
	return out
}

// staticPart is the number of addresses at the low end that are handed out last, so that people can choose from them
// (KEP-3070): a sixteenth, between 16 and 256.
func staticPart(p netip.Prefix) *big.Int {
	n := new(big.Int).Rsh(size(p), 4)
	if n.Cmp(big.NewInt(16)) < 0 {
		return big.NewInt(0)
	}
	if n.Cmp(big.NewInt(256)) > 0 {
		return big.NewInt(256)
	}
	return n
}

// candidates yields addresses of the range: some random ones above the static part, then all above it, then the rest.
func candidates(p netip.Prefix) func(func(netip.Addr) bool) {
	first, last := usable(p)
	start := offset(p.Masked().Addr(), staticPart(p))
	if start.Less(first) {
		start = first
	}
	return func(yield func(netip.Addr) bool) {
		width := new(big.Int).Sub(new(big.Int).SetBytes(last.AsSlice()), new(big.Int).SetBytes(start.AsSlice()))
		span := int64(1) << 32
		if width.IsInt64() && width.Int64() < span {
			span = width.Int64() + 1
		}
		for range attempts {
			if !yield(offset(start, big.NewInt(rand.Int64N(span)))) {
				return
			}
		}
		for a := start; a.IsValid() && !last.Less(a); a = a.Next() {
			if !yield(a) {
				return
			}
		}
		for a := first; a.Less(start); a = a.Next() {
			if !yield(a) {
				return
			}
		}
	}
}
