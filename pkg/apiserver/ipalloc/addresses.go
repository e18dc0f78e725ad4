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
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
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
	// Holds reports whether the service that is stored now has the address.
	Holds func(context.Context, Owner, netip.Addr) (bool, error)
}

// Lease is an address that was taken; UID is that of its IPAddress object, none after a dry run.
type Lease struct {
	Address netip.Addr
	UID     types.UID
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
func (a *Addresses) Any(ctx context.Context, family4 bool, owner Owner, dry bool) (Lease, error) {
	for _, prefix := range a.ranges(family4) {
		for candidate := range candidates(prefix) {
			if _, err := a.Taken.Get(candidate.String()); err == nil {
				continue
			}
			lease, err := a.create(ctx, candidate, owner, dry)
			if errors.Is(err, ErrTaken) {
				continue
			}
			return lease, err
		}
	}
	return Lease{}, ErrFull
}

// Take takes the given address. One that was taken for the same service and that no stored service has is what a server
// left behind that ended, or lost its answer, between its two writes: it is taken over.
func (a *Addresses) Take(ctx context.Context, ip netip.Addr, owner Owner, dry bool) (Lease, error) {
	for _, prefix := range a.ranges(ip.Is4()) {
		if first, last := usable(prefix); !prefix.Contains(ip) || ip.Less(first) || last.Less(ip) {
			continue
		}
		lease, err := a.create(ctx, ip, owner, dry)
		if errors.Is(err, ErrTaken) {
			return a.adopt(ctx, ip, owner, dry)
		}
		return lease, err
	}
	return Lease{}, ErrOutside
}

// adopt makes the left-behind object anew, so that whoever made the first one, if that is still alive, cannot give back
// what is ours now.
func (a *Addresses) adopt(ctx context.Context, ip netip.Addr, owner Owner, dry bool) (Lease, error) {
	addresses := a.Client.NetworkingV1().IPAddresses()
	obj, err := addresses.Get(ctx, ip.String(), metav1.GetOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return Lease{}, fmt.Errorf("take cluster IP %s: %w", ip, err)
	}
	if err == nil {
		if !owner.has(obj) {
			return Lease{}, ErrTaken
		}
		held, err := a.Holds(ctx, owner, ip)
		if err != nil {
			return Lease{}, fmt.Errorf("take cluster IP %s: %w", ip, err)
		}
		if held {
			return Lease{}, ErrTaken
		}
		if dry {
			return Lease{Address: ip}, nil
		}
		if err := a.delete(ctx, obj); err != nil {
			return Lease{}, err
		}
	}
	return a.create(ctx, ip, owner, dry)
}

// has reports whether the address belongs to the service.
func (o Owner) has(obj *networkingv1.IPAddress) bool {
	p := obj.Spec.ParentRef
	return p != nil && p.Group == "" && p.Resource == "services" && p.Namespace == o.Namespace && p.Name == o.Name
}

// Release gives an address back, if it is the owner's. With a UID it gives back just what that write has taken, and not
// what another write of the same service has taken since; without, what no stored service of that name has any more.
func (a *Addresses) Release(ctx context.Context, l Lease, owner Owner) error {
	obj, err := a.Client.NetworkingV1().IPAddresses().Get(ctx, l.Address.String(), metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("release cluster IP %s: %w", l.Address, err)
	}
	if !owner.has(obj) || l.UID != "" && l.UID != obj.UID {
		return nil
	}
	if l.UID == "" { // a service of the same name may have been made since
		held, err := a.Holds(ctx, owner, l.Address)
		if err != nil {
			return fmt.Errorf("release cluster IP %s: %w", l.Address, err)
		}
		if held {
			return nil
		}
	}
	return a.delete(ctx, obj)
}

// delete deletes just this object; another of the same name is another's.
func (a *Addresses) delete(ctx context.Context, obj *networkingv1.IPAddress) error {
	err := a.Client.NetworkingV1().IPAddresses().Delete(ctx, obj.Name, metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &obj.UID}})
	if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
		return fmt.Errorf("release cluster IP %s: %w", obj.Name, err)
	}
	return nil
}

func (a *Addresses) ranges(family4 bool) []netip.Prefix {
	all := a.Ranges
	// A lister's only error is that of a bad selector.
	cidrs, _ := a.CIDRs.List(labels.Everything())
	for _, c := range cidrs {
		// Others may still be looked over by the upkeep, or are about to go.
		if c.DeletionTimestamp != nil || !apimeta.IsStatusConditionTrue(c.Status.Conditions, networkingv1.ServiceCIDRConditionReady) {
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

// OwnerOf returns the service that an address was taken for; ok is false for one that this allocator does not manage.
func OwnerOf(obj *networkingv1.IPAddress) (o Owner, ok bool) {
	p := obj.Spec.ParentRef
	if p == nil || obj.Labels[networkingv1.LabelManagedBy] != managedBy {
		return Owner{}, false
	}
	o = Owner{p.Namespace, p.Name}
	return o, o.has(obj)
}

func (a *Addresses) create(ctx context.Context, ip netip.Addr, owner Owner, dry bool) (Lease, error) {
	family := "IPv6"
	if ip.Is4() {
		family = "IPv4"
	}
	options := metav1.CreateOptions{}
	if dry {
		options.DryRun = []string{metav1.DryRunAll}
	}
	obj, err := a.Client.NetworkingV1().IPAddresses().Create(ctx, &networkingv1.IPAddress{
		ObjectMeta: metav1.ObjectMeta{Name: ip.String(), Labels: map[string]string{
			networkingv1.LabelIPAddressFamily: family, networkingv1.LabelManagedBy: managedBy}},
		Spec: networkingv1.IPAddressSpec{ParentRef: &networkingv1.ParentReference{Resource: "services", Namespace: owner.Namespace, Name: owner.Name}},
	}, options)
	if apierrors.IsAlreadyExists(err) {
		return Lease{}, ErrTaken
	}
	if err != nil {
		return Lease{}, fmt.Errorf("take cluster IP %s: %w", ip, err)
	}
	if dry {
		return Lease{Address: ip}, nil
	}
	return Lease{ip, obj.UID}, nil
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
