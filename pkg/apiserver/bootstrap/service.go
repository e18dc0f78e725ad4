package bootstrap

import (
	"context"
	"fmt"
	"net/netip"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/kubernetes"
)

// Master is how pods reach the API server.
type Master struct {
	ServiceIP netip.Addr // the first of the service range
	Address   string     // IP address of the server
	Port      int32      // of the server
}

const (
	serviceName = "kubernetes"
	servicePort = 443
	portName    = "https"
)

// EnsureService makes the Service kubernetes in namespace default, its Endpoints and its EndpointSlice.
func EnsureService(ctx context.Context, client kubernetes.Interface, m Master) error {
	// A creation would first find the address taken, by this very service.
	_, err := client.CoreV1().Services(metav1.NamespaceDefault).Get(ctx, serviceName, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		err = createService(ctx, client, m)
	}
	if err != nil {
		return fmt.Errorf("make service %q: %w", serviceName, err)
	}
	if err := ensureEndpoints(ctx, client, m); err != nil {
		return fmt.Errorf("publish endpoints of service %q: %w", serviceName, err)
	}
	if err := ensureSlice(ctx, client, m); err != nil {
		return fmt.Errorf("publish endpoint slice of service %q: %w", serviceName, err)
	}
	return nil
}

func createService(ctx context.Context, client kubernetes.Interface, m Master) error {
	policy := corev1.IPFamilyPolicySingleStack
	_, err := client.CoreV1().Services(metav1.NamespaceDefault).Create(ctx, &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: serviceName, Labels: map[string]string{"provider": "kubernetes", "component": "apiserver"}},
		Spec: corev1.ServiceSpec{
			Type: corev1.ServiceTypeClusterIP, ClusterIP: m.ServiceIP.String(), IPFamilyPolicy: &policy, SessionAffinity: corev1.ServiceAffinityNone,
			Ports: []corev1.ServicePort{{Name: portName, Port: servicePort, Protocol: corev1.ProtocolTCP, TargetPort: intstr.FromInt32(m.Port)}},
		},
	}, metav1.CreateOptions{})
	return err
}

func ensureEndpoints(ctx context.Context, client kubernetes.Interface, m Master) error {
	want := &corev1.Endpoints{ //nolint:staticcheck // old clients read it
		// The slice below is this object's mirror.
		ObjectMeta: metav1.ObjectMeta{Name: serviceName, Labels: map[string]string{discoveryv1.LabelSkipMirror: "true"}},
		Subsets: []corev1.EndpointSubset{{
			Addresses: []corev1.EndpointAddress{{IP: m.Address}},
			Ports:     []corev1.EndpointPort{{Name: portName, Port: m.Port, Protocol: corev1.ProtocolTCP}},
		}},
	}
	endpoints := client.CoreV1().Endpoints(metav1.NamespaceDefault)
	old, err := endpoints.Get(ctx, serviceName, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		_, err = endpoints.Create(ctx, want, metav1.CreateOptions{})
		return err
	}
	if err != nil || apiequality.Semantic.DeepEqual(old.Subsets, want.Subsets) {
		return err
	}
	old.Subsets = want.Subsets
	_, err = endpoints.Update(ctx, old, metav1.UpdateOptions{})
	return err
}

func ensureSlice(ctx context.Context, client kubernetes.Interface, m Master) error {
	name, port, protocol, ready := portName, m.Port, corev1.ProtocolTCP, true
	family := discoveryv1.AddressTypeIPv4
	if ip, err := netip.ParseAddr(m.Address); err == nil && ip.Is6() {
		family = discoveryv1.AddressTypeIPv6
	}
	want := &discoveryv1.EndpointSlice{
		ObjectMeta:  metav1.ObjectMeta{Name: serviceName, Labels: map[string]string{discoveryv1.LabelServiceName: serviceName}},
		AddressType: family,
		Endpoints:   []discoveryv1.Endpoint{{Addresses: []string{m.Address}, Conditions: discoveryv1.EndpointConditions{Ready: &ready}}},
		Ports:       []discoveryv1.EndpointPort{{Name: &name, Port: &port, Protocol: &protocol}},
	}
	slices := client.DiscoveryV1().EndpointSlices(metav1.NamespaceDefault)
	old, err := slices.Get(ctx, serviceName, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		_, err = slices.Create(ctx, want, metav1.CreateOptions{})
		return err
	}
	if err != nil || apiequality.Semantic.DeepEqual(old.Endpoints, want.Endpoints) && apiequality.Semantic.DeepEqual(old.Ports, want.Ports) {
		return err
	}
	old.Endpoints, old.Ports = want.Endpoints, want.Ports
	_, err = slices.Update(ctx, old, metav1.UpdateOptions{})
	return err
}
