package upkeep

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/apiserver/pkg/registry/generic"
	"k8s.io/apiserver/pkg/storage/etcd3/testserver"
	"k8s.io/apiserver/pkg/storage/storagebackend"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/tools/record"

	"github.com/proa-sh/proa/pkg/apiserver/ipalloc"
)

// storageOptions are those of an etcd of its own.
func storageOptions(t *testing.T) generic.RESTOptions {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := corev1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	config := storagebackend.NewDefaultConfig("/registry", serializer.NewCodecFactory(scheme).LegacyCodec(corev1.SchemeGroupVersion))
	config.Transport.ServerList = testserver.RunEtcd(t, nil).Endpoints()
	return generic.RESTOptions{StorageConfig: config.ForResource(schema.GroupResource{Resource: "anything"})}
}

func aService(name, ip string, port int32) *corev1.Service {
	return &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name}, Spec: corev1.ServiceSpec{ClusterIPs: []string{ip}, Ports: []corev1.ServicePort{{NodePort: port}}}}
}

// anAddress was taken for a Service at that time.
func anAddress(ip, service string, at time.Time) *networkingv1.IPAddress {
	return &networkingv1.IPAddress{
		ObjectMeta: metav1.ObjectMeta{Name: ip, CreationTimestamp: metav1.NewTime(at), Labels: map[string]string{networkingv1.LabelManagedBy: "ipallocator.k8s.io"}},
		Spec:       networkingv1.IPAddressSpec{ParentRef: &networkingv1.ParentReference{Resource: "services", Namespace: "ns", Name: service}},
	}
}

// TestRepair looks several times at addresses and ports that a killed server, a lost answer or a restored backup left.
func TestRepair(t *testing.T) {
	now := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	services := []*corev1.Service{
		aService("bare", "10.96.0.10", 30001),     // nothing was taken for it
		aService("older", "10.96.0.11", 30002),    // these two have one address and port
		aService("twin", "10.96.0.11", 30002),     //
		aService("robbed", "10.96.0.12", 0),       // its address was taken for one that has gone
		aService("in order", "10.96.0.13", 30004), //
		aService("outside", "10.1.0.1", 20000),    //
	}
	client := fake.NewClientset(anAddress("10.96.0.12", "gone", now.Add(-time.Hour)), anAddress("10.96.0.13", "in order", now),
		anAddress("10.96.0.98", "gone", now.Add(-time.Hour)), anAddress("10.96.0.99", "coming", now.Add(-time.Second)))
	holds := func(o ipalloc.Owner, ip netip.Addr) bool {
		return slices.ContainsFunc(services, func(s *corev1.Service) bool { return ownerOf(s) == o && slices.Contains(ipalloc.AddressesOf(s), ip) })
	}
	for i, s := range services {
		s.CreationTimestamp = metav1.NewTime(now.Add(time.Duration(i) * time.Second))
		if err := client.Tracker().Add(s); err != nil {
			t.Fatal(err)
		}
	}
	factory := informers.NewSharedInformerFactory(client, 0)
	ports, destroy, err := ipalloc.NewPorts(utilnet.PortRange{Base: 30000, Size: 8}, storageOptions(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(destroy)
	for _, p := range []int32{30004, 30007} { // nobody has the second
		if err := ports.Take(t.Context(), p, false); err != nil {
			t.Fatal(err)
		}
	}
	recorder := record.NewFakeRecorder(100)
	a := &allocations{Config: &Config{Client: client, Informers: factory, Ports: ports, Recorder: recorder, Now: func() time.Time { return now },
		Addresses: &ipalloc.Addresses{Ranges: []netip.Prefix{netip.MustParsePrefix("10.96.0.0/24")}, Client: client,
			CIDRs: factory.Networking().V1().ServiceCIDRs().Lister(), Taken: factory.Networking().V1().IPAddresses().Lister(),
			Holds: func(_ context.Context, o ipalloc.Owner, ip netip.Addr) (bool, error) { return holds(o, ip), nil }}}}
	factory.Core().V1().Services().Informer()
	factory.Networking().V1().IPAddresses().Informer()
	factory.StartWithContext(t.Context())
	factory.WaitForCacheSync(t.Context().Done())

	look := func() string {
		t.Helper()
		again, err := a.keep(t.Context())
		if err != nil {
			t.Error(err)
		}
		var told []string
		for len(recorder.Events) > 0 {
			told = append(told, <-recorder.Events)
		}
		slices.Sort(told)
		list, err := client.NetworkingV1().IPAddresses().List(t.Context(), metav1.ListOptions{})
		if err != nil {
			t.Fatal(err)
		}
		var taken []string
		for _, i := range list.Items {
			taken = append(taken, strings.TrimPrefix(i.Name, "10.96.0.")+" "+i.Spec.ParentRef.Name)
		}
		slices.Sort(taken)
		var used []string
		for p := int32(30000); p < 30008; p++ {
			if ports.Take(t.Context(), p, true) != nil {
				used = append(used, fmt.Sprint(p))
			}
		}
		return strings.Join(append(told, "addresses: "+strings.Join(taken, ", "), "ports: "+strings.Join(used, ", "), "again in "+again.String()), "\n")
	}
	const repaired = "10 bare, 11 older, 12 robbed, 13 in order"
	for i, want := range []string{`Warning ClusterIPAlreadyAllocated Cluster IP 10.96.0.11 was assigned to multiple services, also to ns/older; please recreate service
Warning ClusterIPNotAllocated Cluster IP 10.96.0.10 is not allocated; repairing
Warning ClusterIPNotAllocated Cluster IP 10.96.0.11 is not allocated; repairing
Warning ClusterIPNotAllocated Cluster IP 10.96.0.12 is not allocated; repairing
Warning ClusterIPOutOfRange Cluster IP 10.1.0.1 is not within any configured Service CIDR; please recreate service
Warning PortAlreadyAllocated Port 30002 was assigned to multiple services, also to ns/older; please recreate service
Warning PortNotAllocated Port 30001 is not allocated; repairing
Warning PortNotAllocated Port 30002 is not allocated; repairing
Warning PortOutOfRange Port 20000 is not within the port range; please recreate service
addresses: ` + repaired + `, 99 coming
ports: 30001, 30002, 30004, 30007
again in 59s`,
		`addresses: ` + repaired + `
ports: 30001, 30002, 30004, 30007
again in 1m0s`,
		`addresses: ` + repaired + `
ports: 30001, 30002, 30004, 30007
again in 1m0s`,
		`addresses: ` + repaired + `
ports: 30001, 30002, 30004
again in 0s`,
	} {
		got := look()
		if i > 0 { // what is told again is told of above
			got = got[strings.Index(got, "addresses:"):]
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("look %d (-want +got):\n%s", i+1, diff)
		}
		now = now.Add(time.Minute)
	}
}
