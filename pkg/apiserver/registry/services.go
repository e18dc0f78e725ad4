package registry

import (
	"context"
	"fmt"
	"net/netip"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	utilerrors "k8s.io/apimachinery/pkg/util/errors"
	"k8s.io/apimachinery/pkg/util/validation/field"
	genericregistry "k8s.io/apiserver/pkg/registry/generic/registry"
	"k8s.io/klog/v2"

	apicore "github.com/proa-sh/proa/pkg/api/core"
	"github.com/proa-sh/proa/pkg/apiserver/ipalloc"
)

// addServices lets the store of services allocate addresses and ports: before a write that needs them, given back if the
// write fails, and after one that does not need them any more.
func addServices(_ context.Context, d *Dependencies, _ Served) error {
	store, err := d.store("", "services")
	if err != nil {
		return err
	}
	ports, destroy, err := ipalloc.NewPorts(d.NodePorts, d.StorageOptions)
	if err != nil {
		return err
	}
	s := &services{
		families: familiesOf(d.ServiceRanges),
		addresses: &ipalloc.Addresses{
			Ranges: d.ServiceRanges, Client: d.Client,
			CIDRs: d.Informers.Networking().V1().ServiceCIDRs().Lister(),
			Taken: d.Informers.Networking().V1().IPAddresses().Lister(),
		},
		ports: ports,
	}
	store.BeginCreate, store.BeginUpdate, store.AfterDelete = s.beginCreate, s.beginUpdate, s.afterDelete
	destroyStore := store.DestroyFunc
	store.DestroyFunc = func() {
		destroyStore()
		destroy()
	}
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
	families  []corev1.IPFamily // of the cluster, the default one first
	addresses *ipalloc.Addresses
	ports     *ipalloc.Ports
}

func (s *services) beginCreate(ctx context.Context, obj runtime.Object, options *metav1.CreateOptions) (genericregistry.FinishFunc, error) {
	service, ok := obj.(*corev1.Service)
	if !ok {
		return nil, fmt.Errorf("allocate for service: got a %T", obj)
	}
	if err := s.defaultFamilies(service, nil); err != nil {
		return nil, err
	}
	return s.allocate(ctx, service, nil, dryRun(options.DryRun))
}

func (s *services) beginUpdate(ctx context.Context, obj, old runtime.Object, options *metav1.UpdateOptions) (genericregistry.FinishFunc, error) {
	service, ok := obj.(*corev1.Service)
	before, okBefore := old.(*corev1.Service)
	if !ok || !okBefore {
		return nil, fmt.Errorf("allocate for service: got a %T and a %T", obj, old)
	}
	apicore.KeepAllocated(service, before)
	if err := s.defaultFamilies(service, before); err != nil {
		return nil, err
	}
	return s.allocate(ctx, service, before, dryRun(options.DryRun))
}

func (s *services) afterDelete(obj runtime.Object, options *metav1.DeleteOptions) {
	service, ok := obj.(*corev1.Service)
	if !ok || dryRun(options.DryRun) {
		return
	}
	ctx := context.Background()
	s.release(ctx, held(service), owner(service))
}

func owner(s *corev1.Service) ipalloc.Owner {
	return ipalloc.Owner{Namespace: s.Namespace, Name: s.Name}
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

// nodePorts points to every node port of a service that has them.
func nodePorts(s *corev1.Service) []*int32 {
	var out []*int32
	for i := range s.Spec.Ports {
		out = append(out, &s.Spec.Ports[i].NodePort)
	}
	return out
}

func (h holding) without(other holding) holding {
	var out holding
	for _, a := range h.addresses {
		if !contains(other.addresses, a) {
			out.addresses = append(out.addresses, a)
		}
	}
	for _, p := range h.ports {
		if !contains(other.ports, p) {
			out.ports = append(out.ports, p)
		}
	}
	return out
}

func contains[T comparable](list []T, v T) bool {
	for _, x := range list {
		if x == v {
			return true
		}
	}
	return false
}

// allocate gives the service what it lacks and takes what it names and old did not hold. What it returns settles the
// matter when the write has succeeded or failed.
func (s *services) allocate(ctx context.Context, service, old *corev1.Service, dry bool) (genericregistry.FinishFunc, error) {
	var before holding
	if old != nil {
		before = held(old)
	}
	var taken holding
	undo := func() {
		if !dry {
			s.release(ctx, taken, owner(service))
		}
	}
	if err := s.takeAddresses(ctx, service, before, &taken, dry); err != nil {
		undo()
		return nil, err
	}
	if err := s.takePorts(ctx, service, before, &taken, dry); err != nil {
		undo()
		return nil, err
	}
	after := held(service)
	return func(ctx context.Context, success bool) {
		if !success {
			undo()
		} else if !dry {
			s.release(ctx, before.without(after), owner(service))
		}
	}, nil
}

func (s *services) takeAddresses(ctx context.Context, service *corev1.Service, before holding, taken *holding, dry bool) error {
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
			if err != nil || contains(before.addresses, ip) {
				continue // validation tells what is wrong with it
			}
			if err := s.addresses.Take(ctx, ip, owner(service), dry); err != nil {
				return invalid(service, field.Invalid(field.NewPath("spec", "clusterIPs").Index(i), spec.ClusterIPs[i], fmt.Sprintf("failed to allocate IP %s: %v", ip, err)))
			}
			taken.addresses = append(taken.addresses, ip)
			continue
		}
		ip, err := s.addresses.Any(ctx, family == corev1.IPv4Protocol, owner(service), dry)
		if err != nil {
			return apierrors.NewInternalError(fmt.Errorf("failed to allocate a serviceIP: %w", err))
		}
		taken.addresses = append(taken.addresses, ip)
		spec.ClusterIPs = append(spec.ClusterIPs[:i:i], ip.String())
	}
	if len(spec.ClusterIPs) > 0 && spec.ClusterIP == "" {
		spec.ClusterIP = spec.ClusterIPs[0]
	}
	return nil
}

func (s *services) takePorts(ctx context.Context, service *corev1.Service, before holding, taken *holding, dry bool) error {
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
	if err := s.takeNamedPorts(ctx, service, wanted, paths, before, taken, dry); err != nil {
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
		n, err := s.ports.Any(ctx, dry)
		if err != nil {
			return apierrors.NewInternalError(fmt.Errorf("failed to allocate a nodePort: %w", err))
		}
		*port = n
		taken.ports = append(taken.ports, n)
	}
	return nil
}

// takeNamedPorts takes the ports that the client chose. One number may serve several protocols of one service.
func (s *services) takeNamedPorts(ctx context.Context, service *corev1.Service, wanted []*int32, paths []*field.Path, before holding, taken *holding, dry bool) error {
	for i, port := range wanted {
		if *port == 0 || contains(before.ports, *port) || contains(taken.ports, *port) {
			continue
		}
		if err := s.ports.Take(ctx, *port, dry); err != nil {
			return invalid(service, field.Invalid(paths[i], *port, err.Error()))
		}
		taken.ports = append(taken.ports, *port)
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

func (s *services) release(ctx context.Context, h holding, o ipalloc.Owner) {
	var errs []error
	for _, ip := range h.addresses {
		errs = append(errs, s.addresses.Release(ctx, ip, o))
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
