package integration

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	typedcore "k8s.io/client-go/kubernetes/typed/core/v1"

	"github.com/proa-sh/proa/pkg/apiserver/options"
	"github.com/proa-sh/proa/test/cluster"
)

// serviceTest is a test of services. The server has only eight node ports, so that any that is not given back is missed.
type serviceTest struct {
	*testing.T
	client   kubernetes.Interface
	services typedcore.ServiceInterface
}

func TestServices(t *testing.T) {
	api := cluster.StartAPI(t, func(o *options.Options) { o.ServiceNodePortRange.Base, o.ServiceNodePortRange.Size = 31000, 8 })
	for _, test := range []struct {
		name string
		run  func(serviceTest)
	}{
		{"addresses", serviceTest.addresses},
		{"addresses of a client's choice", serviceTest.chosenAddresses},
		{"node ports", serviceTest.nodePorts},
		{"types", serviceTest.types},
		{"dry runs", serviceTest.dryRuns},
		{"invalid services", serviceTest.invalid},
		{"families", serviceTest.families},
		{"attempts that meet others", serviceTest.conflicts},
		{"load balancers", serviceTest.loadBalancers},
		{"a server killed between two writes", serviceTest.killed},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.run(serviceTest{t, api.Client, api.Client.CoreV1().Services("default")})
		})
	}
}

// service returns a service with one port.
func service(name string, change ...func(*corev1.ServiceSpec)) *corev1.Service {
	s := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: corev1.ServiceSpec{
		Selector: map[string]string{"app": name}, Ports: []corev1.ServicePort{{Name: "a", Port: 80}}}}
	for _, c := range change {
		c(&s.Spec)
	}
	return s
}

func ofType(kind corev1.ServiceType) func(*corev1.ServiceSpec) {
	return func(s *corev1.ServiceSpec) { s.Type = kind }
}

func withIP(ip string) func(*corev1.ServiceSpec) {
	return func(s *corev1.ServiceSpec) { s.ClusterIP = ip }
}

func withNodePort(port int32) func(*corev1.ServiceSpec) {
	return func(s *corev1.ServiceSpec) { s.Type, s.Ports[0].NodePort = corev1.ServiceTypeNodePort, port }
}

func (t serviceTest) create(s *corev1.Service) *corev1.Service {
	t.Helper()
	out, err := t.services.Create(t.Context(), s, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func (t serviceTest) patch(name, patch string) *corev1.Service {
	t.Helper()
	out, err := t.services.Patch(t.Context(), name, types.StrategicMergePatchType, []byte(patch), metav1.PatchOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func (t serviceTest) delete(names ...string) {
	t.Helper()
	for _, name := range names {
		if err := t.services.Delete(t.Context(), name, metav1.DeleteOptions{}); err != nil {
			t.Error(err)
		}
	}
}

// taken lists the cluster IPs that are allocated, besides that of the service kubernetes.
func (t serviceTest) taken() []string {
	t.Helper()
	list, err := t.client.NetworkingV1().IPAddresses().List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, a := range list.Items {
		if a.Spec.ParentRef.Name != "kubernetes" {
			out = append(out, a.Name)
		}
	}
	return out
}

func (t serviceTest) nothingTaken() {
	t.Helper()
	if taken := t.taken(); len(taken) > 0 {
		t.Errorf("addresses %v were not given back", taken)
	}
	// All eight ports are free if a service can have all of them.
	all := service("all", ofType(corev1.ServiceTypeNodePort))
	all.Spec.Ports = nil
	for i := range int32(8) {
		all.Spec.Ports = append(all.Spec.Ports, corev1.ServicePort{Name: fmt.Sprint("p", i), Port: 80 + i})
	}
	t.create(all)
	t.delete("all")
}

func (t serviceTest) refused(s *corev1.Service, field string) {
	t.Helper()
	_, err := t.services.Create(t.Context(), s, metav1.CreateOptions{})
	if !apierrors.IsInvalid(err) || !strings.Contains(err.Error(), field) {
		t.Errorf("got %v, want an Invalid about %s", err, field)
	}
}

func (t serviceTest) addresses() {
	a := t.create(service("a"))
	address, err := t.client.NetworkingV1().IPAddresses().Get(t.Context(), a.Spec.ClusterIP, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if want := (networkingv1.ParentReference{Resource: "services", Namespace: "default", Name: "a"}); *address.Spec.ParentRef != want {
		t.Errorf("address belongs to %v", address.Spec.ParentRef)
	}
	if !slices.Equal(a.Spec.ClusterIPs, []string{a.Spec.ClusterIP}) || !slices.Equal(a.Spec.IPFamilies, []corev1.IPFamily{corev1.IPv4Protocol}) ||
		*a.Spec.IPFamilyPolicy != corev1.IPFamilyPolicySingleStack {
		t.Errorf("got %v of %v, %v", a.Spec.ClusterIPs, a.Spec.IPFamilies, *a.Spec.IPFamilyPolicy)
	}
	// A client that knows nothing of what was allocated keeps it.
	replaced := service("a")
	replaced.Labels = map[string]string{"x": "y"}
	if replaced, err = t.services.Update(t.Context(), replaced, metav1.UpdateOptions{}); err != nil || replaced.Spec.ClusterIP != a.Spec.ClusterIP {
		t.Errorf("after an update without address: %v, %v", replaced.Spec.ClusterIP, err)
	}
	changed := replaced.DeepCopy()
	changed.Spec.ClusterIP, changed.Spec.ClusterIPs = "10.96.0.77", []string{"10.96.0.77"}
	if _, err := t.services.Update(t.Context(), changed, metav1.UpdateOptions{}); !apierrors.IsInvalid(err) {
		t.Errorf("another address: got %v", err)
	}
	if taken := t.taken(); !slices.Equal(taken, []string{a.Spec.ClusterIP}) {
		t.Errorf("after a refused update, %v are taken", taken)
	}
	t.delete("a")
	t.nothingTaken()
}

func (t serviceTest) chosenAddresses() {
	if s := t.create(service("a", withIP("10.96.0.10"))); s.Spec.ClusterIP != "10.96.0.10" {
		t.Errorf("got %s", s.Spec.ClusterIP)
	}
	t.refused(service("b", withIP("10.96.0.10")), "10.96.0.10: provided IP is already allocated")
	t.refused(service("b", withIP("10.97.0.1")), "spec.clusterIPs")
	t.refused(service("b", withIP("10.96.0.0")), "spec.clusterIPs")
	t.refused(service("b", withIP("nonsense")), "spec.clusterIPs[0]")
	headless := t.create(service("headless", withIP("None")))
	if !slices.Equal(headless.Spec.ClusterIPs, []string{"None"}) {
		t.Errorf("headless: got %v", headless.Spec.ClusterIPs)
	}
	t.delete("a", "headless")
	t.create(service("b", withIP("10.96.0.10")))
	t.delete("b")
	t.nothingTaken()
}

func (t serviceTest) nodePorts() {
	port := t.create(service("a", ofType(corev1.ServiceTypeNodePort))).Spec.Ports[0].NodePort
	if port < 31000 || port > 31007 {
		t.Errorf("got node port %d", port)
	}
	t.refused(service("b", withNodePort(port)), "provided port is already allocated")
	t.refused(service("b", withNodePort(80)), "provided port is not in the valid range. The range of valid ports is 31000-31007")
	// One number for two protocols of one port is one allocation.
	both := service("both", ofType(corev1.ServiceTypeNodePort))
	both.Spec.Ports = []corev1.ServicePort{{Name: "t", Port: 53}, {Name: "u", Port: 53, Protocol: corev1.ProtocolUDP}}
	if p := t.create(both).Spec.Ports; p[0].NodePort != p[1].NodePort || p[0].NodePort == 0 {
		t.Errorf("two protocols of one port have node ports %d and %d", p[0].NodePort, p[1].NodePort)
	}
	// A change of the port gives the old one back.
	other := 31000 + (port-31000+1)%8
	if both, err := t.services.Get(t.Context(), "both", metav1.GetOptions{}); err != nil {
		t.Fatal(err)
	} else if other == both.Spec.Ports[0].NodePort {
		other = 31000 + (other-31000+1)%8
	}
	t.patch("a", fmt.Sprintf(`{"spec":{"ports":[{"port":80,"nodePort":%d}]}}`, other))
	t.create(service("c", withNodePort(port)))
	t.delete("a", "both", "c")
	t.nothingTaken()
}

// types takes one service through every type and back.
func (t serviceTest) types() {
	s := t.create(service("a"))
	ip := s.Spec.ClusterIP
	s = t.patch("a", `{"spec":{"type":"NodePort"}}`)
	if s.Spec.ClusterIP != ip || s.Spec.Ports[0].NodePort == 0 {
		t.Errorf("NodePort: got %s, %d", s.Spec.ClusterIP, s.Spec.Ports[0].NodePort)
	}
	s = t.patch("a", `{"spec":{"type":"ClusterIP"}}`)
	if s.Spec.ClusterIP != ip || s.Spec.Ports[0].NodePort != 0 {
		t.Errorf("ClusterIP again: got %s, %d", s.Spec.ClusterIP, s.Spec.Ports[0].NodePort)
	}
	t.patch("a", `{"spec":{"type":"NodePort"}}`)
	s = t.patch("a", `{"spec":{"type":"ExternalName","externalName":"example.org"}}`)
	if s.Spec.ClusterIP != "" || len(s.Spec.ClusterIPs) > 0 || s.Spec.Ports[0].NodePort != 0 || s.Spec.IPFamilies != nil {
		t.Errorf("ExternalName: got %v", s.Spec)
	}
	t.nothingTaken()
	s = t.patch("a", `{"spec":{"type":"ClusterIP"}}`)
	if s.Spec.ClusterIP == "" || s.Spec.ExternalName != "" {
		t.Errorf("ClusterIP after ExternalName: got %q, %q", s.Spec.ClusterIP, s.Spec.ExternalName)
	}
	t.patch("a", `{"spec":{"type":"ExternalName","externalName":"example.org"}}`)
	s = t.patch("a", `{"spec":{"type":"ClusterIP","clusterIP":"None"}}`)
	if !slices.Equal(s.Spec.ClusterIPs, []string{"None"}) {
		t.Errorf("headless after ExternalName: got %v", s.Spec.ClusterIPs)
	}
	t.delete("a")
	t.nothingTaken()
}

func (t serviceTest) dryRuns() {
	dry := metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}}
	s, err := t.services.Create(t.Context(), service("a", ofType(corev1.ServiceTypeNodePort)), dry)
	if err != nil || s.Spec.ClusterIP == "" || s.Spec.Ports[0].NodePort == 0 {
		t.Errorf("create: got %v, %v", s, err)
	}
	t.nothingTaken()
	t.create(service("a", withNodePort(31003)))
	if _, err := t.services.Create(t.Context(), service("b", withNodePort(31003)), dry); !apierrors.IsInvalid(err) {
		t.Errorf("a port that is taken: got %v", err)
	}
	if err := t.services.Delete(t.Context(), "a", metav1.DeleteOptions{DryRun: dry.DryRun}); err != nil {
		t.Error(err)
	}
	t.refused(service("b", withNodePort(31003)), "already allocated")
	if _, err := t.services.Patch(t.Context(), "a", types.MergePatchType, []byte(`{"spec":{"type":"ExternalName","externalName":"x.org"}}`), metav1.PatchOptions{DryRun: dry.DryRun}); err != nil {
		t.Error(err)
	}
	t.refused(service("b", withNodePort(31003)), "already allocated")
	t.delete("a")
	t.nothingTaken()
}

// invalid services take nothing.
func (t serviceTest) invalid() {
	bad := service("a", ofType(corev1.ServiceTypeNodePort))
	bad.Spec.Ports[0].Port = 0
	t.refused(bad, "spec.ports[0].port")
	t.refused(service("-"), "metadata.name")
	t.create(service("a"))
	if _, err := t.services.Create(t.Context(), service("a", ofType(corev1.ServiceTypeNodePort)), metav1.CreateOptions{}); !apierrors.IsAlreadyExists(err) {
		t.Errorf("a service that exists: got %v", err)
	}
	if _, err := t.services.Patch(t.Context(), "a", types.MergePatchType, []byte(`{"spec":{"type":"NodePort","ports":[{"port":0}]}}`), metav1.PatchOptions{}); !apierrors.IsInvalid(err) {
		t.Errorf("an invalid update: got %v", err)
	}
	// A subresource of a service is none without the service.
	if _, err := t.services.UpdateStatus(t.Context(), service("none"), metav1.UpdateOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("status of no service: got %v", err)
	}
	t.delete("a")
	t.nothingTaken()
}

func (t serviceTest) families() {
	dual, prefer := corev1.IPFamilyPolicyRequireDualStack, corev1.IPFamilyPolicyPreferDualStack
	t.refused(service("a", func(s *corev1.ServiceSpec) { s.IPFamilyPolicy = &dual }), "this cluster is not configured for dual-stack services")
	t.refused(service("a", func(s *corev1.ServiceSpec) { s.IPFamilies = []corev1.IPFamily{corev1.IPv6Protocol} }), "spec.ipFamilies[0]")
	t.refused(service("a", withIP("fd00::1")), "spec.ipFamilies[0]")
	s := t.create(service("a", func(s *corev1.ServiceSpec) { s.IPFamilyPolicy = &prefer }))
	if len(s.Spec.ClusterIPs) != 1 || *s.Spec.IPFamilyPolicy != prefer {
		t.Errorf("PreferDualStack: got %v, %v", s.Spec.ClusterIPs, *s.Spec.IPFamilyPolicy)
	}
	free := t.create(service("free", withIP("None"), func(s *corev1.ServiceSpec) { s.Selector = nil }))
	if len(free.Spec.IPFamilies) != 2 || *free.Spec.IPFamilyPolicy != dual {
		t.Errorf("headless without selector: got %v, %v", free.Spec.IPFamilies, *free.Spec.IPFamilyPolicy)
	}
	t.delete("a", "free")
	t.nothingTaken()
}

// conflicts lets patches that need a port meet other writes of the same service, so that they are tried again.
func (t serviceTest) conflicts() {
	t.create(service("a"))
	for range 10 {
		var all sync.WaitGroup
		for i := range 4 {
			all.Go(func() {
				if _, err := t.services.Patch(t.Context(), "a", types.MergePatchType, fmt.Appendf(nil, `{"metadata":{"labels":{"l%d":"%[1]d"}}}`, i), metav1.PatchOptions{}); err != nil {
					t.Error(err)
				}
			})
		}
		all.Go(func() {
			if _, err := t.services.Patch(t.Context(), "a", types.StrategicMergePatchType, []byte(`{"spec":{"type":"NodePort","ports":[{"port":80,"nodePort":31005}]}}`), metav1.PatchOptions{}); err != nil {
				t.Error(err)
			}
		})
		all.Wait()
		t.patch("a", `{"metadata":{"labels":null},"spec":{"type":"ClusterIP"}}`)
	}
	t.delete("a")
	t.nothingTaken()
}

func (t serviceTest) loadBalancers() {
	s := t.create(service("a", ofType(corev1.ServiceTypeLoadBalancer), func(s *corev1.ServiceSpec) { s.ExternalTrafficPolicy = corev1.ServiceExternalTrafficPolicyLocal }))
	if s.Spec.HealthCheckNodePort == 0 || s.Spec.Ports[0].NodePort == 0 {
		t.Errorf("got health port %d, node port %d", s.Spec.HealthCheckNodePort, s.Spec.Ports[0].NodePort)
	}
	s.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{IP: "192.0.2.9"}}
	if s, err := t.services.UpdateStatus(t.Context(), s, metav1.UpdateOptions{}); err != nil || s.Status.LoadBalancer.Ingress[0].IP != "192.0.2.9" {
		t.Errorf("status: got %v, %v", s, err)
	}
	if s = t.patch("a", `{"spec":{"externalTrafficPolicy":"Cluster"}}`); s.Spec.HealthCheckNodePort != 0 {
		t.Errorf("without need of it: health port %d", s.Spec.HealthCheckNodePort)
	}
	t.delete("a")
	none := false
	s = t.create(service("b", ofType(corev1.ServiceTypeLoadBalancer), func(s *corev1.ServiceSpec) { s.AllocateLoadBalancerNodePorts = &none }))
	if s.Spec.Ports[0].NodePort != 0 {
		t.Errorf("got a node port that was not wanted: %d", s.Spec.Ports[0].NodePort)
	}
	t.delete("b")
	t.nothingTaken()
}

// killed leaves what a server leaves that is killed when it has taken an address and not stored the service yet.
func (t serviceTest) killed() {
	address := &networkingv1.IPAddress{
		ObjectMeta: metav1.ObjectMeta{Name: "10.96.0.10", Labels: map[string]string{networkingv1.LabelIPAddressFamily: "IPv4", networkingv1.LabelManagedBy: "ipallocator.k8s.io"}},
		Spec:       networkingv1.IPAddressSpec{ParentRef: &networkingv1.ParentReference{Resource: "services", Namespace: "default", Name: "a"}},
	}
	if _, err := t.client.NetworkingV1().IPAddresses().Create(t.Context(), address, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	t.refused(service("b", withIP("10.96.0.10")), "provided IP is already allocated")
	t.create(service("a", withIP("10.96.0.10")))
	if _, err := t.services.Create(t.Context(), service("a", withIP("10.96.0.10")), metav1.CreateOptions{}); err == nil {
		t.Error("a second service of the name was made")
	}
	if taken := t.taken(); !slices.Equal(taken, []string{"10.96.0.10"}) {
		t.Errorf("after a refused creation of the same service, %v are taken", taken)
	}
	t.delete("a")
	t.nothingTaken()
}
