package registry

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

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

// lossy is a storage that answers with lost while that is set: after it has committed, or before, or having put the commit
// off until late is called. While silent is set nothing can be read.
type lossy struct {
	storage.Interface
	lost, silent   error
	before, putOff bool
	late           func() error
}

func (l *lossy) Create(ctx context.Context, key string, obj, out runtime.Object, ttl uint64) error {
	if l.lost != nil && l.before {
		return l.lost
	}
	if l.lost != nil && l.putOff {
		obj = obj.DeepCopyObject()
		l.late = func() error {
			return l.Interface.Create(context.WithoutCancel(ctx), key, obj, out.DeepCopyObject(), ttl)
		}
		return l.lost
	}
	if err := l.Interface.Create(ctx, key, obj, out, ttl); err != nil || l.lost == nil {
		return err
	}
	return l.lost
}

func (l *lossy) Get(ctx context.Context, key string, o storage.GetOptions, into runtime.Object) error {
	if l.silent != nil {
		return l.silent
	}
	return l.Interface.Get(ctx, key, o, into)
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
	doubts := ipalloc.NewDoubts()
	ports, destroy, err := ipalloc.NewPorts(utilnet.PortRange{Base: 30000, Size: 2}, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(destroy)
	ranges := []netip.Prefix{netip.MustParsePrefix("10.96.0.0/16")}
	d := Dependencies{Stores: stores, Client: client, ServiceRanges: ranges, NodePorts: ports, Doubts: doubts, Now: time.Now, Addresses: &ipalloc.Addresses{
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

// TestDoubts plays writes that are not answered, and when what they took is free again. There are two node ports in all.
func TestDoubts(t *testing.T) {
	timeout := apierrors.NewTimeoutError("request did not complete within requested timeout", 0)
	for name, c := range map[string]struct {
		before, putOff bool
		play           func(*doubtTest)
		want           string
	}{
		"lost after the commit": {play: func(d *doubtTest) {
			d.look(0)
		}, want: "stored a; a has 30000; taken 1; in doubt 0"},
		"lost before the commit": {before: true, play: func(d *doubtTest) {
			d.look(ipalloc.InFlight - time.Second)
			d.note("soon")
			d.look(ipalloc.InFlight)
		}, want: "soon; taken 1; in doubt 1; stored nothing; taken 0; in doubt 0"},
		"committed late": {putOff: true, play: func(d *doubtTest) {
			d.look(0)
			if err := d.storage.late(); err != nil {
				d.Fatal(err)
			}
			d.look(ipalloc.InFlight)
		}, want: "stored a; a has 30000; taken 1; in doubt 0"},
		"nothing can be read": {before: true, play: func(d *doubtTest) {
			d.storage.silent = timeout
			d.fails(ipalloc.InFlight)
			d.storage.silent = nil
			d.look(ipalloc.InFlight)
		}, want: "stored nothing; taken 0; in doubt 0"},
		"tried again": {before: true, play: func(d *doubtTest) {
			if err := d.create("a"); err != nil {
				d.Errorf("tried again: %v", err)
			}
			d.look(ipalloc.InFlight)
		}, want: "stored a; a has 30000; taken 1; in doubt 0"},
		"tried again, committed late": {putOff: true, play: func(d *doubtTest) {
			if err := d.storage.late(); err != nil {
				d.Fatal(err)
			}
			if err := d.create("a"); !apierrors.IsInvalid(err) { // its address is that of a stored service
				d.Errorf("tried again: %v", err)
			}
			d.look(ipalloc.InFlight)
		}, want: "stored a; a has 30000; taken 1; in doubt 0"},
		"another service wants the port": {before: true, play: func(d *doubtTest) {
			if err := d.create("b"); !apierrors.IsInvalid(err) {
				d.Errorf("another service: %v", err)
			}
			d.look(ipalloc.InFlight)
			if err := d.create("b"); err != nil {
				d.Errorf("another service, later: %v", err)
			}
		}, want: "stored b; b has 30000; taken 1; in doubt 0"},
	} {
		t.Run(name, func(t *testing.T) {
			d := &doubtTest{T: t}
			d.store, d.scheme, d.storage, d.client = newServices(t)
			d.storage.lost, d.storage.before, d.storage.putOff = timeout, c.before, c.putOff
			if err := d.create("a"); !apierrors.IsTimeout(err) {
				t.Fatalf("the answer was not lost: %v", err)
			}
			d.storage.lost = nil
			c.play(d)
			d.note("")
			if got := strings.Join(d.said, "; "); got != c.want {
				t.Errorf("got:  %s\nwant: %s", got, c.want)
			}
		})
	}
}

// doubtTest is a store of services, and what was noted of it.
type doubtTest struct {
	*testing.T
	store   *serviceStore
	scheme  *runtime.Scheme
	storage *lossy
	client  *fake.Clientset
	said    []string
}

func (d *doubtTest) create(name string) error {
	service := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "default"}, Spec: corev1.ServiceSpec{
		Type: corev1.ServiceTypeNodePort, Ports: []corev1.ServicePort{{Port: 80, NodePort: 30000}}, ClusterIP: "10.96.0.9"}}
	d.scheme.Default(service)
	_, err := d.store.Create(genericapirequest.WithNamespace(d.Context(), "default"), service, rest.ValidateAllObjectFunc, &metav1.CreateOptions{})
	return err
}

// look settles, some time after the write.
func (d *doubtTest) look(later time.Duration) {
	d.Helper()
	if _, err := d.store.services.doubts.Look(d.Context(), time.Now().Add(later)); err != nil {
		d.Error(err)
	}
}

func (d *doubtTest) fails(later time.Duration) {
	d.Helper()
	if _, err := d.store.services.doubts.Look(d.Context(), time.Now().Add(later)); err == nil {
		d.Error("what could not be read was settled")
	}
}

// note writes down how things stand, under a word.
func (d *doubtTest) note(word string) {
	if word != "" {
		d.said = append(d.said, word)
	} else if stored, err := d.store.List(genericapirequest.WithNamespace(d.Context(), "default"), nil); err != nil {
		d.Fatal(err)
	} else if all := stored.(*corev1.ServiceList).Items; len(all) == 0 {
		d.said = append(d.said, "stored nothing")
	} else {
		for _, s := range all {
			d.said = append(d.said, "stored "+s.Name, fmt.Sprintf("%s has %d", s.Name, s.Spec.Ports[0].NodePort))
		}
	}
	taken, err := d.client.NetworkingV1().IPAddresses().List(d.Context(), metav1.ListOptions{})
	if err != nil {
		d.Fatal(err)
	}
	d.said = append(d.said, fmt.Sprintf("taken %d", len(taken.Items)), fmt.Sprintf("in doubt %d", d.store.services.doubts.Len()))
}
