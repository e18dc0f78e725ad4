package registry

import (
	"context"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	genericregistry "k8s.io/apiserver/pkg/registry/generic/registry"
	"k8s.io/apiserver/pkg/registry/rest"
)

// serviceStore announces every write of a service to its allocation, and settles it when it is known how the write ended.
// The store's own hooks are not enough: they are called for each attempt of a write, and before it is committed.
type serviceStore struct {
	*genericregistry.Store
	services *services
}

var _ interface {
	rest.StandardStorage
	rest.ShortNamesProvider
	rest.CategoriesProvider
	rest.ResetFieldsStrategy
} = (*serviceStore)(nil)

func (s *serviceStore) ShortNames() []string { return []string{"svc"} }
func (s *serviceStore) Categories() []string { return []string{"all"} }

func (s *serviceStore) Create(ctx context.Context, obj runtime.Object, validate rest.ValidateObjectFunc, o *metav1.CreateOptions) (runtime.Object, error) {
	w := &write{dry: dryRun(o.DryRun)}
	out, err := s.Store.Create(context.WithValue(ctx, writeKey{}, w), obj, validate, o)
	s.services.settle(ctx, w, err == nil)
	return out, err
}

func (s *serviceStore) Update(ctx context.Context, name string, info rest.UpdatedObjectInfo, create rest.ValidateObjectFunc, update rest.ValidateObjectUpdateFunc, force bool, o *metav1.UpdateOptions) (runtime.Object, bool, error) {
	w := &write{dry: dryRun(o.DryRun)}
	out, created, err := s.Store.Update(context.WithValue(ctx, writeKey{}, w), name, info, create, update, force, o)
	s.services.settle(ctx, w, err == nil)
	return out, created, err
}

// write is one create or update of a service with all its attempts: storage makes another when the object has changed
// under the first one. It belongs to the request's goroutine.
type write struct {
	dry           bool
	owner         *corev1.Service // nil before the first attempt
	before, after holding         // the stored service and the one to store, of the last attempt
	taken         holding         // what all attempts have taken
	spare         holding         // what earlier attempts have taken and this one has not used yet
}

type writeKey struct{}

func writeOf(ctx context.Context) *write {
	w, _ := ctx.Value(writeKey{}).(*write)
	return w
}

// begin starts an attempt. What earlier ones have taken is used again, unless the service names it itself.
func (w *write) begin(service, old *corev1.Service) {
	w.owner, w.before, w.after = service, holding{}, holding{}
	if old != nil {
		w.before = held(old)
	}
	w.spare = w.taken.without(held(service))
}

// has reports whether the service need not take the address again.
func (w *write) has(ip netip.Addr) bool {
	return slices.Contains(w.before.addresses, ip) || slices.Contains(w.taken.addresses, ip)
}

func (w *write) hasPort(port int32) bool {
	return slices.Contains(w.before.ports, port) || slices.Contains(w.taken.ports, port)
}

// settle gives back what is not used: after a write, what the service held or took and has no more; else what was taken.
func (s *services) settle(ctx context.Context, w *write, written bool) {
	if w.dry || w.owner == nil {
		return
	}
	unused := w.taken
	if written {
		unused = w.taken.and(w.before).without(w.after)
	}
	// The client may have gone by now; what it took has to be given back all the same.
	s.release(context.WithoutCancel(ctx), unused, owner(w.owner))
}

// holding is what a service has been given.
type holding struct {
	addresses []netip.Addr
	ports     []int32
}

// held returns what a stored service holds.
func held(s *corev1.Service) holding {
	var h holding
	for _, text := range s.Spec.ClusterIPs {
		if ip, err := netip.ParseAddr(text); err == nil {
			h.addresses = append(h.addresses, ip)
		}
	}
	seen := map[int32]bool{}
	for _, p := range append(nodePorts(s), &s.Spec.HealthCheckNodePort) {
		if *p != 0 && !seen[*p] {
			seen[*p] = true
			h.ports = append(h.ports, *p)
		}
	}
	return h
}

func (h holding) without(other holding) holding {
	var out holding
	for _, a := range h.addresses {
		if !slices.Contains(other.addresses, a) {
			out.addresses = append(out.addresses, a)
		}
	}
	for _, p := range h.ports {
		if !slices.Contains(other.ports, p) {
			out.ports = append(out.ports, p)
		}
	}
	return out
}

func (h holding) and(other holding) holding {
	more := other.without(h)
	return holding{slices.Concat(h.addresses, more.addresses), slices.Concat(h.ports, more.ports)}
}
