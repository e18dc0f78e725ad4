package registry

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	genericapirequest "k8s.io/apiserver/pkg/endpoints/request"
	genericregistry "k8s.io/apiserver/pkg/registry/generic/registry"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/apiserver/pkg/storage"
	"k8s.io/klog/v2"

	"github.com/proa-sh/proa/pkg/apiserver/ipalloc"
	"github.com/proa-sh/proa/staging/apidef"
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
	s.services.settle(ctx, w, err)
	return out, err
}

func (s *serviceStore) Update(ctx context.Context, name string, info rest.UpdatedObjectInfo, create rest.ValidateObjectFunc, update rest.ValidateObjectUpdateFunc, force bool, o *metav1.UpdateOptions) (runtime.Object, bool, error) {
	w := &write{dry: dryRun(o.DryRun)}
	out, created, err := s.Store.Update(context.WithValue(ctx, writeKey{}, w), name, apidef.Unchanged(info), create, update, force, o)
	s.services.settle(ctx, w, err)
	return out, created, err
}

// write is one create or update of a service with all its attempts: storage makes another when the object has changed
// under the first one. It belongs to the request's goroutine.
type write struct {
	dry           bool
	allocated     bool                     // the last attempt got all it needs, so that it may have been stored
	owner         *corev1.Service          // nil before the first attempt
	before, after holding                  // the stored service and the one to store, of the last attempt
	taken         holding                  // what all attempts have taken
	uids          map[netip.Addr]types.UID // of the addresses of taken
	spare         holding                  // what earlier attempts have taken and this one has not used yet
}

type writeKey struct{}

func writeOf(ctx context.Context) *write {
	w, _ := ctx.Value(writeKey{}).(*write)
	return w
}

// begin starts an attempt. What earlier ones have taken is used again, unless the service names it itself.
func (w *write) begin(service, old *corev1.Service) {
	w.owner, w.allocated, w.before, w.after = service, false, holding{}, holding{}
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

// take notes an address as taken by this write.
func (w *write) take(l ipalloc.Lease) {
	w.taken.addresses = append(w.taken.addresses, l.Address)
	if w.uids == nil {
		w.uids = map[netip.Addr]types.UID{}
	}
	w.uids[l.Address] = l.UID
}

// settle gives back what is not used: after a write, what the service held or took and has no more; else what was taken,
// unless the service may have been stored with it all the same. Then it is settled later.
func (s *services) settle(ctx context.Context, w *write, failure error) {
	if w.dry || w.owner == nil {
		return
	}
	// The client may have gone by now; what it took has to be given back all the same.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), ipalloc.SettleTimeout)
	defer cancel()
	if failure == nil {
		s.release(ctx, w.taken.and(w.before).without(w.after), owner(w.owner), w.uids)
		return
	}
	if len(w.taken.addresses) == 0 && len(w.taken.ports) == 0 {
		return
	}
	doubt := ipalloc.Doubt{Owner: owner(w.owner), Ports: w.taken.ports, Since: s.now()}
	for _, ip := range w.taken.addresses {
		doubt.Leases = append(doubt.Leases, ipalloc.Lease{Address: ip, UID: w.uids[ip]})
	}
	sure := !w.allocated || refused(failure)
	if settled, err := s.settleDoubt(ctx, doubt, sure); err != nil || !settled {
		klog.FromContext(ctx).Info("It is not known yet whether a service was stored; what was taken for it stays taken for now",
			"service", klog.KObj(w.owner), "failure", failure, "err", err)
		s.doubts.Add(doubt)
	}
}

// settleDoubt gives back what a write that was not answered took and the stored service does not have, once it is sure that
// the write is stored no more.
func (s *services) settleDoubt(ctx context.Context, d ipalloc.Doubt, sure bool) (settled bool, err error) {
	stored, err := s.stored(ctx, d.Owner)
	if err != nil {
		return false, err
	}
	taken, uids := holding{ports: d.Ports}, map[netip.Addr]types.UID{}
	for _, l := range d.Leases {
		taken.addresses = append(taken.addresses, l.Address)
		uids[l.Address] = l.UID
	}
	unused := taken.without(stored)
	if len(unused.addresses) == 0 && len(unused.ports) == 0 {
		return true, nil
	}
	if sure {
		// Once: a port that was given back, though it was not told so, may be another service's when this is tried again. What
		// is left, the upkeep of addresses and ports finds.
		s.release(ctx, unused, d.Owner, uids)
	}
	return sure, nil
}

// refused reports whether an error says for certain that nothing was written.
func refused(err error) bool {
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		return false
	}
	code := status.Status().Code
	return code >= 400 && code < 500 && code != http.StatusRequestTimeout && code != http.StatusTooManyRequests
}

// stored returns what the stored service of that name holds, nothing if there is none. It asks etcd and no cache.
func (s *services) stored(ctx context.Context, o ipalloc.Owner) (holding, error) {
	key, err := s.store.KeyFunc(genericapirequest.WithNamespace(ctx, o.Namespace), o.Name)
	if err != nil {
		return holding{}, err
	}
	service := &corev1.Service{}
	if err := s.store.Storage.Storage.Get(ctx, key, storage.GetOptions{IgnoreNotFound: true}, service); err != nil {
		return holding{}, fmt.Errorf("read service %s/%s: %w", o.Namespace, o.Name, err)
	}
	return held(service), nil
}

func (s *services) holds(ctx context.Context, o ipalloc.Owner, ip netip.Addr) (bool, error) {
	h, err := s.stored(ctx, o)
	return slices.Contains(h.addresses, ip), err
}

// holding is what a service has been given.
type holding struct {
	addresses []netip.Addr
	ports     []int32
}

// held returns what a stored service holds.
func held(s *corev1.Service) holding {
	return holding{ipalloc.AddressesOf(s), ipalloc.PortsOf(s)}
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
