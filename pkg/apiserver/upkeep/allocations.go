package upkeep

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"

	"github.com/proa-sh/proa/pkg/apiserver/ipalloc"
)

const (
	// repairPause is the least time between two looks at all addresses and ports.
	repairPause = time.Minute
	// addressGrace is how long an address without Service may belong to one that is being stored.
	addressGrace = time.Minute
	// portLooks is how often a port has to be found without Service, repairPause apart, before it is given back.
	portLooks = 3
)

// allocations keeps cluster IPs and node ports: what a Service has is taken for it, and what is taken belongs to a Service.
// Servers that are killed between two writes, and answers that are lost, leave it otherwise.
type allocations struct {
	*Config
	unused map[int32]int // ports without Service, and how often they were found so; of the part's goroutine
}

// holders are the Services that have an address or a port, the oldest first.
type holders[K comparable] map[K][]*corev1.Service

func (h holders[K]) add(key K, s *corev1.Service) {
	if !slices.Contains(h[key], s) {
		h[key] = append(h[key], s)
	}
}

func (a *allocations) keep(ctx context.Context) (again time.Duration, err error) {
	services, addresses := a.Informers.Core().V1().Services(), a.Informers.Networking().V1().IPAddresses()
	if !cache.WaitForCacheSync(ctx.Done(), services.Informer().HasSynced, addresses.Informer().HasSynced) {
		return 0, ctx.Err()
	}
	// A lister's only error is that of a bad selector.
	all, _ := services.Lister().List(labels.Everything())
	slices.SortFunc(all, func(a, b *corev1.Service) int {
		return cmp.Or(a.CreationTimestamp.Compare(b.CreationTimestamp.Time), cmp.Compare(a.Namespace+"/"+a.Name, b.Namespace+"/"+b.Name))
	})
	ips, ports := holders[netip.Addr]{}, holders[int32]{}
	for _, s := range all {
		for _, ip := range ipalloc.AddressesOf(s) {
			ips.add(ip, s)
		}
		for _, p := range ipalloc.PortsOf(s) {
			ports.add(p, s)
		}
	}
	waitIPs, errIPs := a.keepAddresses(ctx, ips)
	waitPorts, errPorts := a.keepPorts(ctx, ports)
	if waitIPs == 0 || waitPorts > 0 && waitPorts < waitIPs {
		waitIPs = waitPorts
	}
	return waitIPs, errors.Join(errIPs, errPorts)
}

// keepAddresses takes the addresses of Services that are not taken for them, and gives back those of no Service.
func (a *allocations) keepAddresses(ctx context.Context, ips holders[netip.Addr]) (again time.Duration, err error) {
	var errs []error
	for ip, services := range ips {
		errs = append(errs, a.keepAddress(ctx, ip, services))
	}
	// A lister's only error is that of a bad selector.
	taken, _ := a.Informers.Networking().V1().IPAddresses().Lister().List(labels.Everything())
	for _, obj := range taken {
		owner, ok := ipalloc.OwnerOf(obj)
		ip, err := netip.ParseAddr(obj.Name)
		if !ok || err != nil || slices.ContainsFunc(ips[ip], func(s *corev1.Service) bool { return ownerOf(s) == owner }) {
			continue
		}
		if left := obj.CreationTimestamp.Add(addressGrace).Sub(a.Now()); left > 0 {
			again = max(again, left)
			continue
		}
		errs = append(errs, a.free(ctx, ip, obj, owner))
	}
	return again, errors.Join(errs...)
}

// free gives back an address that the stored Service, if there is one, does not have either.
func (a *allocations) free(ctx context.Context, ip netip.Addr, obj *networkingv1.IPAddress, owner ipalloc.Owner) error {
	if held, err := a.Addresses.Holds(ctx, owner, ip); err != nil || held {
		return err
	}
	klog.FromContext(ctx).Info("A cluster IP belonged to no Service; it is free again", "address", ip, "service", klog.KRef(owner.Namespace, owner.Name))
	return a.Addresses.Release(ctx, ipalloc.Lease{Address: ip, UID: obj.UID}, owner)
}

// keepAddress sees to it that an address is taken for a Service that has it.
func (a *allocations) keepAddress(ctx context.Context, ip netip.Addr, services []*corev1.Service) error {
	if len(services) > 1 {
		a.tellTwice(ctx, services, "ClusterIPAlreadyAllocated", fmt.Sprintf("Cluster IP %s", ip))
	}
	owner := services[0]
	if obj, err := a.Informers.Networking().V1().IPAddresses().Lister().Get(ip.String()); err == nil {
		has, ok := ipalloc.OwnerOf(obj)
		if !ok || slices.ContainsFunc(services, func(s *corev1.Service) bool { return ownerOf(s) == has }) {
			return nil
		}
		if err := a.free(ctx, ip, obj, has); err != nil {
			return err
		}
	}
	// The Service may have gone since the informer told of it.
	if held, err := a.Addresses.Holds(ctx, ownerOf(owner), ip); err != nil || !held {
		return err
	}
	_, err := a.Addresses.Take(ctx, ip, ownerOf(owner), false)
	switch {
	case errors.Is(err, ipalloc.ErrTaken): // it is the Service's already, or another's that has to be told of at the next look
		return nil
	case errors.Is(err, ipalloc.ErrOutside):
		a.tell(ctx, owner, "ClusterIPOutOfRange", fmt.Sprintf("Cluster IP %s is not within any configured Service CIDR; please recreate service", ip))
		return nil
	case err == nil:
		a.tell(ctx, owner, "ClusterIPNotAllocated", fmt.Sprintf("Cluster IP %s is not allocated; repairing", ip))
	}
	return err
}

// keepPorts does the same for node ports. The map of ports does not say whose they are, nor since when.
func (a *allocations) keepPorts(ctx context.Context, ports holders[int32]) (again time.Duration, err error) {
	used, free := map[int32]bool{}, map[int32]bool{}
	for port, services := range ports {
		used[port] = true
		if len(services) > 1 {
			a.tellTwice(ctx, services, "PortAlreadyAllocated", fmt.Sprintf("Port %d", port))
		}
	}
	for port, looks := range a.unused {
		free[port] = looks >= portLooks && !used[port]
	}
	found, err := a.Ports.Repair(ctx, used, free)
	if err != nil {
		return 0, err
	}
	before := a.unused
	a.unused = map[int32]int{}
	for _, port := range found.Unused {
		a.unused[port] = before[port] + 1
		again = repairPause
	}
	for _, port := range found.Missing {
		a.tell(ctx, ports[port][0], "PortNotAllocated", fmt.Sprintf("Port %d is not allocated; repairing", port))
	}
	for _, port := range found.Outside {
		a.tell(ctx, ports[port][0], "PortOutOfRange", fmt.Sprintf("Port %d is not within the port range; please recreate service", port))
	}
	return again, nil
}

// tellTwice tells all but the oldest of Services that have one thing together.
func (a *allocations) tellTwice(ctx context.Context, services []*corev1.Service, reason, what string) {
	for _, s := range services[1:] {
		a.tell(ctx, s, reason, fmt.Sprintf("%s was assigned to multiple services, also to %s/%s; please recreate service", what, services[0].Namespace, services[0].Name))
	}
}

func (a *allocations) tell(ctx context.Context, s *corev1.Service, reason, message string) {
	klog.FromContext(ctx).Info("Addresses or ports of a Service are not in order", "service", klog.KObj(s), "reason", reason, "message", message)
	a.Recorder.Event(s, corev1.EventTypeWarning, reason, message)
}

func ownerOf(s *corev1.Service) ipalloc.Owner {
	return ipalloc.Owner{Namespace: s.Namespace, Name: s.Name}
}
