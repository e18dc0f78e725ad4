package upkeep

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// Kubernetes is how pods reach the API servers.
type Kubernetes struct {
	ServiceIP netip.Addr // the first of the service range
	Address   string     // IP address of this server, none if no other machine can reach it
	Port      int32      // of all servers
	NodePort  int32      // of the Service, none if 0
	// Leases of all servers; nil leaves the endpoints to somebody else.
	Leases *Leases
}

const (
	serviceName = "kubernetes"
	servicePort = 443
	portName    = "https"
)

// keepKubernetes keeps the Service kubernetes in namespace default, and its Endpoints and EndpointSlice: the servers that are
// alive.
func (c *Config) keepKubernetes(ctx context.Context) (again time.Duration, err error) {
	if err := c.ensureNamespace(ctx, metav1.NamespaceDefault); err != nil {
		return 0, err
	}
	if err := c.ensureService(ctx); err != nil {
		return 0, fmt.Errorf("make service %q: %w", serviceName, err)
	}
	k := c.Kubernetes
	if k.Leases == nil || k.Address == "" {
		return 0, nil
	}
	if err := k.Leases.Renew(ctx, k.Address); err != nil {
		return 0, err
	}
	return leaseCheck, c.publish(ctx)
}

// Withdraw takes this server out of the endpoints, unless it is the last one. The part must not run any more.
func (c *Config) Withdraw(ctx context.Context) error {
	k := c.Kubernetes
	if k.Leases == nil || k.Address == "" {
		return nil
	}
	if err := k.Leases.Withdraw(ctx); err != nil {
		return err
	}
	return c.publish(ctx)
}

// publish writes the live servers to the endpoints. It leaves those that are there if nobody is alive: a client has better
// chances with them.
func (c *Config) publish(ctx context.Context) error {
	live, err := c.Kubernetes.Leases.Live(ctx)
	if err != nil || len(live) == 0 {
		return err
	}
	if err := c.ensureEndpoints(ctx, live); err != nil {
		return fmt.Errorf("publish endpoints of service %q: %w", serviceName, err)
	}
	if err := c.ensureSlice(ctx, live); err != nil {
		return fmt.Errorf("publish endpoint slice of service %q: %w", serviceName, err)
	}
	return nil
}

func (c *Config) ensureService(ctx context.Context) error {
	if _, err := c.Informers.Core().V1().Services().Lister().Services(metav1.NamespaceDefault).Get(serviceName); err == nil {
		return nil
	}
	// A creation would first find the address taken, by this very service.
	services := c.Client.CoreV1().Services(metav1.NamespaceDefault)
	if _, err := services.Get(ctx, serviceName, metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		return err
	}
	policy, k := corev1.IPFamilyPolicySingleStack, c.Kubernetes
	service := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: serviceName, Labels: map[string]string{"provider": "kubernetes", "component": "apiserver"}},
		Spec: corev1.ServiceSpec{
			Type: corev1.ServiceTypeClusterIP, ClusterIP: k.ServiceIP.String(), IPFamilyPolicy: &policy, SessionAffinity: corev1.ServiceAffinityNone,
			Ports: []corev1.ServicePort{{Name: portName, Port: servicePort, Protocol: corev1.ProtocolTCP, TargetPort: intstr.FromInt32(k.Port)}},
		},
	}
	if k.NodePort != 0 {
		service.Spec.Type, service.Spec.Ports[0].NodePort = corev1.ServiceTypeNodePort, k.NodePort
	}
	_, err := services.Create(ctx, service, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		return nil // another server was quicker
	}
	return err
}

func (c *Config) ensureEndpoints(ctx context.Context, live []string) error {
	want := &corev1.Endpoints{ //nolint:staticcheck // old clients read it
		// The slice below is this object's mirror.
		ObjectMeta: metav1.ObjectMeta{Name: serviceName, Labels: map[string]string{discoveryv1.LabelSkipMirror: "true"}},
		Subsets:    []corev1.EndpointSubset{{Ports: []corev1.EndpointPort{{Name: portName, Port: c.Kubernetes.Port, Protocol: corev1.ProtocolTCP}}}}, //nolint:staticcheck // old clients read it
	}
	for _, ip := range live {
		want.Subsets[0].Addresses = append(want.Subsets[0].Addresses, corev1.EndpointAddress{IP: ip}) //nolint:staticcheck // old clients read it
	}
	same := func(old *corev1.Endpoints) bool { //nolint:staticcheck // old clients read it
		return apiequality.Semantic.DeepEqual(old.Subsets, want.Subsets) && old.Labels[discoveryv1.LabelSkipMirror] == "true"
	}
	if old, err := c.Informers.Core().V1().Endpoints().Lister().Endpoints(metav1.NamespaceDefault).Get(serviceName); err == nil && same(old) {
		return nil
	}
	endpoints := c.Client.CoreV1().Endpoints(metav1.NamespaceDefault)
	old, err := endpoints.Get(ctx, serviceName, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		_, err = endpoints.Create(ctx, want, metav1.CreateOptions{})
		return err
	}
	if err != nil || same(old) {
		return err
	}
	old.Subsets = want.Subsets
	metav1.SetMetaDataLabel(&old.ObjectMeta, discoveryv1.LabelSkipMirror, "true")
	_, err = endpoints.Update(ctx, old, metav1.UpdateOptions{})
	return err
}

func (c *Config) ensureSlice(ctx context.Context, live []string) error {
	name, port, protocol, ready := portName, c.Kubernetes.Port, corev1.ProtocolTCP, true
	want := &discoveryv1.EndpointSlice{
		ObjectMeta:  metav1.ObjectMeta{Name: serviceName, Labels: map[string]string{discoveryv1.LabelServiceName: serviceName}},
		AddressType: familyOf(live[0]),
		Ports:       []discoveryv1.EndpointPort{{Name: &name, Port: &port, Protocol: &protocol}},
	}
	for _, ip := range live {
		if familyOf(ip) == want.AddressType { // a slice is of one family
			want.Endpoints = append(want.Endpoints, discoveryv1.Endpoint{Addresses: []string{ip}, Conditions: discoveryv1.EndpointConditions{Ready: &ready}})
		}
	}
	same := func(old *discoveryv1.EndpointSlice) bool {
		return apiequality.Semantic.DeepEqual(old.Endpoints, want.Endpoints) && apiequality.Semantic.DeepEqual(old.Ports, want.Ports) &&
			old.AddressType == want.AddressType && old.Labels[discoveryv1.LabelServiceName] == serviceName
	}
	if old, err := c.Informers.Discovery().V1().EndpointSlices().Lister().EndpointSlices(metav1.NamespaceDefault).Get(serviceName); err == nil && same(old) {
		return nil
	}
	slices := c.Client.DiscoveryV1().EndpointSlices(metav1.NamespaceDefault)
	old, err := slices.Get(ctx, serviceName, metav1.GetOptions{})
	if err == nil && old.AddressType != want.AddressType { // which cannot change
		if err = slices.Delete(ctx, serviceName, metav1.DeleteOptions{Preconditions: metav1.NewUIDPreconditions(string(old.UID))}); err == nil {
			_, err = slices.Create(ctx, want, metav1.CreateOptions{})
		}
		return err
	}
	if apierrors.IsNotFound(err) {
		_, err = slices.Create(ctx, want, metav1.CreateOptions{})
		return err
	}
	if err != nil || same(old) {
		return err
	}
	old.Endpoints, old.Ports = want.Endpoints, want.Ports
	metav1.SetMetaDataLabel(&old.ObjectMeta, discoveryv1.LabelServiceName, serviceName)
	_, err = slices.Update(ctx, old, metav1.UpdateOptions{})
	return err
}

func familyOf(address string) discoveryv1.AddressType {
	if ip, err := netip.ParseAddr(address); err == nil && ip.Is6() {
		return discoveryv1.AddressTypeIPv6
	}
	return discoveryv1.AddressTypeIPv4
}
