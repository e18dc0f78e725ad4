package registry

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	utilerrors "k8s.io/apimachinery/pkg/util/errors"
	"k8s.io/apimachinery/pkg/util/validation/field"
	genericregistry "k8s.io/apiserver/pkg/registry/generic/registry"
	"k8s.io/klog/v2"

	apicore "github.com/proa-sh/proa/pkg/api/core"
	"github.com/proa-sh/proa/pkg/apiserver/ipalloc"
	"github.com/proa-sh/proa/pkg/killpoint"
)

// addServices lets the storage of services allocate addresses and ports: before a write that needs them, given back if the
// write fails, and after one that does not need them any more.
func addServices(_ context.Context, d *Dependencies, served Served) error {
	store, err := d.store("", "services")
	if err != nil {
		return err
	}
	s := &services{store: store, families: familiesOf(d.ServiceRanges), addresses: d.Addresses, ports: d.NodePorts, doubts: d.Doubts, now: d.Now}
	d.Addresses.Holds, d.Doubts.Settle = s.holds, s.settleDoubt
	store.BeginCreate, store.BeginUpdate, store.AfterDelete = s.beginCreate, s.beginUpdate, s.afterDelete
	served.add("", "v1", "services", &serviceStore{store, s})
	return nil
}

func familiesOf(ranges []netip.Prefix) []corev1.IPFamily {
	var out []corev1.IPFamily
	for _, r := range ranges {
		if r.Addr().Is4() {
			out = append(out, corev1.IPv4Protocol)
		} else {
			out = append(out, corev1.IPv6Protocol)
		}
	}
	return out
}

// services allocates for Services.
type services struct {
	store     *genericregistry.Store
	families  []corev1.IPFamily // of the cluster, the default one first
	addresses *ipalloc.Addresses
	ports     *ipalloc.Ports
	doubts    *ipalloc.Doubts
	now       func() time.Time
}

// beginCreate gives a new service what it lacks.
func (s *services) beginCreate(ctx context.Context, obj runtime.Object, _ *metav1.CreateOptions) (genericregistry.FinishFunc, error) {
	service, ok := obj.(*corev1.Service)
	if !ok {
		return nil, fmt.Errorf("allocate for service: got a %T", obj)
	}
	if err := s.defaultFamilies(service, nil); err != nil {
		return nil, err
	}
	return settled, s.allocate(ctx, service, nil)
}

// beginUpdate gives a changed service what it lacks now.
func (s *services) beginUpdate(ctx context.Context, obj, old runtime.Object, _ *metav1.UpdateOptions) (genericregistry.FinishFunc, error) {
	service, ok := obj.(*corev1.Service)
	before, okBefore := old.(*corev1.Service)
	if !ok || !okBefore {
		return nil, fmt.Errorf("allocate for service: got a %T and a %T", obj, old)
	}
	if writeOf(ctx) == nil {
		return settled, nil // a write of the status
	}
	apicore.KeepAllocated(service, before)
	if err := s.defaultFamilies(service, before); err != nil {
		return nil, err
	}
	return settled, s.allocate(ctx, service, before)
}

// settled does nothing: the library calls it before it commits, and again for each attempt. See write.
func settled(context.Context, bool) {}

func (s *services) afterDelete(obj runtime.Object, options *metav1.DeleteOptions) {
	service, ok := obj.(*corev1.Service)
	if !ok || dryRun(options.DryRun) {
		return
	}
	killpoint.Here(killpoint.ServiceDeleted)
	s.release(context.Background(), held(service), owner(service), nil)
}

func owner(s *corev1.Service) ipalloc.Owner {
	return ipalloc.Owner{Namespace: s.Namespace, Name: s.Name}
}

// nodePorts points to every node port of a service that has them.
func nodePorts(s *corev1.Service) []*int32 {
	var out []*int32
	for i := range s.Spec.Ports {
		out = append(out, &s.Spec.Ports[i].NodePort)
	}
	return out
}

// allocate gives the service what it lacks and takes what it names and old did not hold.
func (s *services) allocate(ctx context.Context, service, old *corev1.Service) error {
	w := writeOf(ctx)
	if w == nil {
		return apierrors.NewInternalError(fmt.Errorf("allocate for service %q: the write was not announced", service.Name))
	}
	w.begin(service, old)
	if err := s.takeAddresses(ctx, service, w); err != nil {
		return err
	}
	killpoint.Here(killpoint.ServiceAddressed)
	if err := s.takePorts(ctx, service, w); err != nil {
		return err
	}
	w.after, w.allocated = held(service), true
	killpoint.Here(killpoint.ServiceAllocated)
	return nil
}

func (s *services) takeAddresses(ctx context.Context, service *corev1.Service, w *write) error {
	spec := &service.Spec
	if spec.Type == corev1.ServiceTypeExternalName || spec.ClusterIP == corev1.ClusterIPNone || len(spec.ClusterIPs) > 0 && spec.ClusterIPs[0] == corev1.ClusterIPNone {
		if spec.Type != corev1.ServiceTypeExternalName && len(spec.ClusterIPs) == 0 {
			spec.ClusterIPs = []string{corev1.ClusterIPNone}
		}
		return nil
	}
	if len(spec.ClusterIPs) == 0 && spec.ClusterIP != "" {
		spec.ClusterIPs = []string{spec.ClusterIP}
	}
	for i, family := range spec.IPFamilies {
		if i < len(spec.ClusterIPs) && spec.ClusterIPs[i] != "" {
			ip, err := netip.ParseAddr(spec.ClusterIPs[i])
			if err != nil || w.has(ip) {
				continue // validation tells what is wrong with it
			}
			lease, err := s.addresses.Take(ctx, ip, owner(service), w.dry)
			if err != nil {
				return invalid(service, field.Invalid(field.NewPath("spec", "clusterIPs"), spec.ClusterIPs, fmt.Sprintf("failed to allocate IP %s: %v", ip, err)))
			}
			w.take(lease)
			continue
		}
		ip, err := s.anyAddress(ctx, service, family, w)
		if err != nil {
			return apierrors.NewInternalError(fmt.Errorf("failed to allocate a serviceIP: %w", err))
		}
		spec.ClusterIPs = append(spec.ClusterIPs[:i:i], ip.String())
	}
	if len(spec.ClusterIPs) > 0 && spec.ClusterIP == "" {
		spec.ClusterIP = spec.ClusterIPs[0]
	}
	return nil
}

// anyAddress takes a free address, or one that an earlier attempt of the same write has taken.
func (s *services) anyAddress(ctx context.Context, service *corev1.Service, family corev1.IPFamily, w *write) (netip.Addr, error) {
	v4 := family == corev1.IPv4Protocol
	for i, ip := range w.spare.addresses {
		if ip.Is4() == v4 {
			w.spare.addresses = slices.Delete(w.spare.addresses, i, i+1)
			return ip, nil
		}
	}
	lease, err := s.addresses.Any(ctx, v4, owner(service), w.dry)
	if err == nil {
		w.take(lease)
	}
	return lease.Address, err
}

func (s *services) takePorts(ctx context.Context, service *corev1.Service, w *write) error {
	spec := &service.Spec
	balanced := spec.Type == corev1.ServiceTypeLoadBalancer
	allocates := spec.Type == corev1.ServiceTypeNodePort || balanced && (spec.AllocateLoadBalancerNodePorts == nil || *spec.AllocateLoadBalancerNodePorts)
	if spec.Type != corev1.ServiceTypeNodePort && !balanced {
		return nil
	}
	wanted := nodePorts(service)
	paths := make([]*field.Path, 0, len(wanted)+1)
	for i := range wanted {
		paths = append(paths, field.NewPath("spec", "ports").Index(i).Child("nodePort"))
	}
	if balanced && spec.ExternalTrafficPolicy == corev1.ServiceExternalTrafficPolicyLocal {
		wanted, paths = append(wanted, &spec.HealthCheckNodePort), append(paths, field.NewPath("spec", "healthCheckNodePort"))
	}
	if err := s.takeNamedPorts(ctx, service, wanted, paths, w); err != nil {
		return err
	}
	for i, port := range wanted {
		if *port != 0 || !allocates && i < len(spec.Ports) {
			continue
		}
		if shared := sharedPort(spec.Ports, i); shared != 0 {
			*port = shared
			continue
		}
		n, err := s.anyPort(ctx, w)
		if err != nil {
			return apierrors.NewInternalError(fmt.Errorf("failed to allocate a nodePort: %w", err))
		}
		*port = n
	}
	return nil
}

// anyPort takes a free port, or one that an earlier attempt of the same write has taken.
func (s *services) anyPort(ctx context.Context, w *write) (int32, error) {
	if n := len(w.spare.ports); n > 0 {
		port := w.spare.ports[n-1]
		w.spare.ports = w.spare.ports[:n-1]
		return port, nil
	}
	port, err := s.ports.Any(ctx, w.dry, w.taken.ports...)
	if err == nil {
		w.taken.ports = append(w.taken.ports, port)
	}
	return port, err
}

// takeNamedPorts takes the ports that the client chose. One number may serve several protocols of one service.
func (s *services) takeNamedPorts(ctx context.Context, service *corev1.Service, wanted []*int32, paths []*field.Path, w *write) error {
	for i, port := range wanted {
		if *port == 0 || w.hasPort(*port) {
			continue
		}
		err := s.ports.Take(ctx, *port, w.dry)
		if errors.Is(err, ipalloc.ErrPortTaken) && !w.dry && s.doubts.TakePort(owner(service), *port) {
			err = nil // an earlier try of the client took it, and got no answer
		}
		if err != nil {
			return invalid(service, field.Invalid(paths[i], *port, err.Error()))
		}
		w.taken.ports = append(w.taken.ports, *port)
	}
	return nil
}

// sharedPort returns the node port of another port with the same number and another protocol, which the two share.
func sharedPort(ports []corev1.ServicePort, i int) int32 {
	if i >= len(ports) {
		return 0
	}
	for j, p := range ports {
		if j != i && p.Port == ports[i].Port && p.Protocol != ports[i].Protocol && p.NodePort != 0 {
			return p.NodePort
		}
	}
	return 0
}

// release gives back what a service held. uids are those of the addresses that a write has taken itself.
func (s *services) release(ctx context.Context, h holding, o ipalloc.Owner, uids map[netip.Addr]types.UID) {
	var errs []error
	for _, ip := range h.addresses {
		errs = append(errs, s.addresses.Release(ctx, ipalloc.Lease{Address: ip, UID: uids[ip]}, o))
	}
	for _, p := range h.ports {
		errs = append(errs, s.ports.Release(ctx, p))
	}
	if err := utilerrors.NewAggregate(errs); err != nil {
		klog.FromContext(ctx).Error(err, "Releasing what a service held failed", "service", klog.KRef(o.Namespace, o.Name))
	}
}

func invalid(s *corev1.Service, err *field.Error) error {
	return apierrors.NewInvalid(corev1.SchemeGroupVersion.WithKind("Service").GroupKind(), s.Name, field.ErrorList{err})
}
