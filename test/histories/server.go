package histories

import (
	"encoding/binary"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"github.com/emicklei/go-restful/v3"
	"github.com/google/uuid"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/apis/audit"
	"k8s.io/apiserver/pkg/authorization/authorizerfactory"
	"k8s.io/apiserver/pkg/endpoints"
	"k8s.io/apiserver/pkg/endpoints/discovery"
	"k8s.io/apiserver/pkg/endpoints/filters"
	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/registry/generic"
	"k8s.io/apiserver/pkg/registry/rest"
	serverstorage "k8s.io/apiserver/pkg/server/storage"
	"k8s.io/apiserver/pkg/storage"
	"k8s.io/apiserver/pkg/storage/storagebackend"
	"k8s.io/apiserver/pkg/storage/storagebackend/factory"
	"k8s.io/client-go/tools/cache"

	"github.com/proa-sh/proa/pkg/api"
	"github.com/proa-sh/proa/pkg/apiserver/inprocess"
	"github.com/proa-sh/proa/pkg/apiserver/registry"
	"github.com/proa-sh/proa/staging/apidef"
)

// server answers requests as the API server does, from the same declarations of kinds with the same defaults, rules and
// strategies. It has no users, no admission and no etcd.
type server struct {
	db     *database
	groups []apidef.Group
	scheme *runtime.Scheme
	codecs serializer.CodecFactory
	stores map[schema.GroupResource]inprocess.Store
	// memories are what is below the stores.
	memories map[schema.GroupResource]*memory
	handler  http.Handler
}

// counter is a source of UIDs that are the same in each run.
type counter struct{ n atomic.Uint64 }

// Read implements io.Reader.
func (c *counter) Read(p []byte) (int, error) {
	clear(p)
	if len(p) >= 8 {
		binary.BigEndian.PutUint64(p[len(p)-8:], c.n.Add(1))
	}
	return len(p), nil
}

// served are the groups that workloads need.
var served = map[string]bool{"": true, "apps": true, "batch": true, "policy": true, "autoscaling": true, "coordination.k8s.io": true}

// newServer makes a server that serves further groups too. UIDs come from a source of the whole process, so there is one
// server at a time.
func newServer(further ...string) (*server, error) {
	s := &server{db: newDatabase(), stores: map[schema.GroupResource]inprocess.Store{}, memories: map[schema.GroupResource]*memory{}}
	uuid.SetRand(&counter{})
	for _, g := range api.Groups(api.Options{}) {
		if served[g.Name] || slices.Contains(further, g.Name) {
			s.groups = append(s.groups, g)
		}
	}
	var err error
	if s.scheme, err = api.NewScheme(s.groups); err != nil {
		return nil, fmt.Errorf("register API kinds: %w", err)
	}
	s.codecs = serializer.NewCodecFactory(s.scheme)
	container := restful.NewContainer()
	container.Router(restful.CurlyRouter{})
	addresses := discovery.DefaultAddresses{DefaultAddress: "kubernetes.default.svc:443"}
	root := discovery.NewRootAPIsHandler(addresses, s.codecs)
	container.Add(root.WebService())
	container.Add(discovery.NewLegacyRootAPIHandler(addresses, s.codecs, "/api").WebService())
	for _, g := range s.groups {
		announced, err := s.install(container, g)
		if err != nil {
			return nil, fmt.Errorf("serve API group %q: %w", g.Name, err)
		}
		if g.Name != "" {
			root.AddGroup(announced)
			container.Add(discovery.NewAPIGroupHandler(s.codecs, announced).WebService())
		}
	}
	audited := filters.WithAuditInit(container)
	named := http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		req.Header.Set(audit.HeaderAuditID, "history") // a random one would take UIDs from the counter
		audited.ServeHTTP(w, req)
	})
	s.handler = filters.WithRequestInfo(named, &request.RequestInfoFactory{
		APIPrefixes: sets.NewString("api", "apis"), GrouplessAPIPrefixes: sets.NewString("api"),
	})
	return s, nil
}

// install serves a group in the version in which it is stored.
func (s *server) install(container *restful.Container, g apidef.Group) (metav1.APIGroup, error) {
	announced := metav1.APIGroup{Name: g.Name}
	versions := map[schema.GroupVersion]map[string]rest.Storage{}
	for _, r := range g.Resources {
		opened, err := r.NewStorage(s.scheme, s)
		if err != nil {
			return announced, err
		}
		names := r.Names()
		s.stores[names.Resource()] = opened.Store
		version := names.Kind.GroupVersion()
		if versions[version] == nil {
			versions[version] = map[string]rest.Storage{}
		}
		maps.Copy(versions[version], opened.Served)
		if names.Resource() == (schema.GroupResource{Resource: "namespaces"}) {
			versions[version]["namespaces"] = registry.Namespaces(opened.Store)
		}
	}
	for version, storage := range versions {
		root := "/apis"
		if g.Name == "" {
			root = "/api"
		}
		_, _, err := (&endpoints.APIGroupVersion{
			Root: root, GroupVersion: version, Storage: storage, Serializer: s.codecs, ParameterCodec: runtime.NewParameterCodec(s.scheme),
			Typer: s.scheme, Creater: s.scheme, Convertor: s.scheme, ConvertabilityChecker: s.scheme, Defaulter: s.scheme,
			UnsafeConvertor: runtime.UnsafeObjectConvertor(s.scheme), Namer: runtime.Namer(meta.NewAccessor()),
			TypeConverter: managedfields.NewDeducedTypeConverter(), EquivalentResourceRegistry: runtime.NewEquivalentResourceRegistry(),
			Authorizer:        authorizerfactory.NewAlwaysAllowAuthorizer(),
			Admit:             admission.NewChainHandler(),
			MinRequestTimeout: time.Hour, MaxRequestBodyBytes: 3 << 20,
		}).InstallREST(container)
		if err != nil {
			return announced, err
		}
		one := metav1.GroupVersionForDiscovery{GroupVersion: version.String(), Version: version.Version}
		announced.Versions, announced.PreferredVersion = append(announced.Versions, one), one
	}
	return announced, nil
}

// GetRESTOptions implements generic.RESTOptionsGetter: everything is stored in memory, in the form in which etcd has it.
func (s *server) GetRESTOptions(resource schema.GroupResource, _ runtime.Object) (generic.RESTOptions, error) {
	names, err := s.names(func(n apidef.Names) bool { return n.Resource() == resource })
	if err != nil {
		return generic.RESTOptions{}, err
	}
	encoding := serverstorage.NewDefaultResourceEncodingConfig(s.scheme)
	encoding.SetResourceEncoding(resource, names.Kind.GroupVersion(), schema.GroupVersion{Group: resource.Group, Version: runtime.APIVersionInternal})
	factory := serverstorage.NewDefaultStorageFactory(storagebackend.Config{}, runtime.ContentTypeProtobuf, s.codecs, encoding, serverstorage.NewResourceConfig(), nil)
	config, err := factory.NewConfig(resource, nil)
	if err != nil {
		return generic.RESTOptions{}, err
	}
	return generic.RESTOptions{
		StorageConfig: config, Decorator: s.decorate, ResourcePrefix: names.Prefix(),
		EnableGarbageCollection: true, DeleteCollectionWorkers: 1,
	}, nil
}

// decorate implements generic.StorageDecorator.
func (s *server) decorate(config *storagebackend.ConfigForResource, _ string, _ func(runtime.Object) (string, error), newFunc, _ func() runtime.Object,
	_ storage.AttrFunc, _ storage.IndexerFuncs, _ *cache.Indexers) (storage.Interface, factory.DestroyFunc, error) {
	m := &memory{db: s.db, resource: config.GroupResource, codec: config.Codec, newFunc: newFunc}
	s.memories[config.GroupResource] = m
	return m, func() {}, nil
}

// names finds a resource.
func (s *server) names(is func(apidef.Names) bool) (apidef.Names, error) {
	for _, g := range s.groups {
		for _, r := range g.Resources {
			if is(r.Names()) {
				return r.Names(), nil
			}
		}
	}
	return apidef.Names{}, fmt.Errorf("no such resource is served")
}

// informers returns a new set of informers on the server, as a program has that starts.
func (s *server) informers() *inprocess.Informers {
	made := inprocess.NewInformers(func(obj runtime.Object) (schema.GroupResource, error) {
		kinds, _, err := s.scheme.ObjectKinds(obj)
		if err != nil {
			return schema.GroupResource{}, err
		}
		n, err := s.names(func(n apidef.Names) bool { return n.Kind == kinds[0] })
		return n.Resource(), err
	}, func(r schema.GroupVersionResource) (runtime.Object, error) {
		n, err := s.names(func(n apidef.Names) bool { return n.Kind.GroupVersion().WithResource(n.Plural) == r })
		if err != nil {
			return nil, err
		}
		return s.scheme.New(n.Kind)
	})
	made.Bind(s.stores)
	return made
}
