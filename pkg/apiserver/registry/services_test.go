package registry

import (
	"context"
	"net/netip"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	genericapirequest "k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/registry/generic"
	genericregistry "k8s.io/apiserver/pkg/registry/generic/registry"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/apiserver/pkg/storage"
	"k8s.io/apiserver/pkg/storage/etcd3/testserver"
	"k8s.io/apiserver/pkg/storage/storagebackend"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/proa-sh/proa/pkg/api"
	"github.com/proa-sh/proa/pkg/apiserver/ipalloc"
)

// lossy is a storage that commits and then, while lost is set, answers with that.
type lossy struct {
	storage.Interface
	lost error
}

func (l *lossy) Create(ctx context.Context, key string, obj, out runtime.Object, ttl uint64) error {
	if err := l.Interface.Create(ctx, key, obj, out, ttl); err != nil || l.lost == nil {
		return err
	}
	return l.lost
}

// newServices returns the storage of services on an etcd, which loses answers.
func newServices(t *testing.T) (*serviceStore, *runtime.Scheme, *lossy, *fake.Clientset) {
	t.Helper()
	groups := api.Groups(api.Options{})
	scheme, err := api.NewScheme(groups)
	if err != nil {
		t.Fatal(err)
	}
	config := storagebackend.NewDefaultConfig("/registry", serializer.NewCodecFactory(scheme).LegacyCodec(corev1.SchemeGroupVersion))
	config.Transport.ServerList = testserver.RunEtcd(t, nil).Endpoints()
	options := generic.RESTOptions{StorageConfig: config.ForResource(schema.GroupResource{Resource: "services"}), Decorator: generic.UndecoratedStorage, ResourcePrefix: "services/specs"}
	services := schema.GroupResource{Resource: "services"}
	stores := map[schema.GroupResource]*genericregistry.Store{}
	for _, g := range groups {
		for _, r := range g.Resources {
			if r.Names().Resource() != services {
				continue
			}
			s, err := r.NewStorage(scheme, options)
			if err != nil {
				t.Fatal(err)
			}
			stores[services] = s.Store
		}
	}
	client := fake.NewClientset()
	served := Served{}
	networking := informers.NewSharedInformerFactory(client, 0).Networking().V1()
	ports, destroy, err := ipalloc.NewPorts(utilnet.PortRange{Base: 30000, Size: 2}, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(destroy)
	ranges := []netip.Prefix{netip.MustParsePrefix("10.96.0.0/16")}
	d := Dependencies{Stores: stores, Client: client, ServiceRanges: ranges, NodePorts: ports, Addresses: &ipalloc.Addresses{
		Ranges: ranges, Client: client, CIDRs: networking.ServiceCIDRs().Lister(), Taken: networking.IPAddresses().Lister()}}
	if err := addServices(t.Context(), &d, served); err != nil {
		t.Fatal(err)
	}
	store := served[corev1.SchemeGroupVersion]["services"].(*serviceStore)
	t.Cleanup(store.Store.DestroyFunc)
	l := &lossy{Interface: store.Store.Storage.Storage}
	store.Store.Storage.Storage = l
	return store, scheme, l, client
}

// TestLostAnswer creates a service whose answer is lost after the commit. What the service was given stays its own.
func TestLostAnswer(t *testing.T) {
	store, scheme, storage, client := newServices(t)
	ctx := genericapirequest.WithNamespace(t.Context(), "default")
	create := func(name string) error {
		service := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "default"}, Spec: corev1.ServiceSpec{
			Type: corev1.ServiceTypeNodePort, Ports: []corev1.ServicePort{{Port: 80}}}}
		scheme.Default(service)
		_, err := store.Create(ctx, service, rest.ValidateAllObjectFunc, &metav1.CreateOptions{})
		return err
	}
	for name, lost := range map[string]error{
		"timeout":  apierrors.NewTimeoutError("request did not complete within requested timeout", 0),
		"internal": apierrors.NewInternalError(context.DeadlineExceeded),
	} {
		storage.lost = lost
		if err := create(name); apierrors.ReasonForError(err) != apierrors.ReasonForError(lost) {
			t.Fatalf("the answer was not lost: %v", err)
		}
		storage.lost = nil
	}
	list, err := client.NetworkingV1().IPAddresses().List(ctx, metav1.ListOptions{})
	if err != nil || len(list.Items) != 2 {
		t.Errorf("of two services that were stored, these addresses are taken: %v, %v", list.Items, err)
	}
	// There are two ports in all.
	if err := create("third"); !apierrors.IsInternalError(err) {
		t.Errorf("a third service got a port that is another's: %v", err)
	}
	// What it took before it was known that no port is left is free again.
	if list, err = client.NetworkingV1().IPAddresses().List(ctx, metav1.ListOptions{}); err != nil || len(list.Items) != 2 {
		t.Errorf("after a service that was not stored, these addresses are taken: %v, %v", list.Items, err)
	}
}
