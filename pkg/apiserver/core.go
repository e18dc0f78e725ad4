package apiserver

import (
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/registry/generic"
	genericregistry "k8s.io/apiserver/pkg/registry/generic/registry"
	"k8s.io/apiserver/pkg/registry/rest"
	genericapiserver "k8s.io/apiserver/pkg/server"

	"github.com/proa-sh/proa/pkg/apiserver/inprocess"
	"github.com/proa-sh/proa/pkg/apiserver/ipalloc"
	"github.com/proa-sh/proa/pkg/apiserver/registry"
	"github.com/proa-sh/proa/staging/apidef"
)

// buildCore builds the server of the resources that pkg/api declares.
func (s *Server) buildCore(ctx context.Context) error {
	var err error
	s.generic.SkipOpenAPIInstallation = true // serveDocuments does it
	s.core, err = s.generic.Complete(s.informers).New("kube-apiserver", s.extensions.GenericAPIServer)
	if err != nil {
		return err
	}
	stores := map[schema.GroupResource]*genericregistry.Store{}
	served := map[schema.GroupVersion]map[string]rest.Storage{}
	for _, g := range s.groups {
		for _, r := range g.Resources {
			if err := s.openStorage(r, s.generic.RESTOptionsGetter, stores, served); err != nil {
				return err
			}
		}
	}
	if err := s.addActions(ctx, stores, served); err != nil {
		return err
	}
	if err := s.install(served); err != nil {
		return err
	}
	bound := map[schema.GroupResource]inprocess.Store{}
	for r, store := range stores {
		bound[r] = store
	}
	s.informers.Bind(bound)
	if err := s.addHooks(); err != nil {
		return err
	}
	return s.serveDocuments()
}

// openStorage opens the storage of one resource and serves it in its hub version and its spokes.
func (s *Server) openStorage(d apidef.Definition, getter generic.RESTOptionsGetter, stores map[schema.GroupResource]*genericregistry.Store, served map[schema.GroupVersion]map[string]rest.Storage) error {
	storage, err := d.NewStorage(s.scheme, getter)
	if err != nil {
		return err
	}
	names := d.Names()
	stores[names.Resource()] = storage.Store
	versions := []schema.GroupVersion{names.Kind.GroupVersion()}
	for _, spoke := range names.Spokes {
		versions = append(versions, spoke.Kind.GroupVersion())
	}
	for _, v := range versions {
		if !s.generic.MergedResourceConfig.ResourceEnabled(v.WithResource(names.Plural)) {
			continue
		}
		if served[v] == nil {
			served[v] = map[string]rest.Storage{}
		}
		for path, r := range storage.Served {
			served[v][path] = r
		}
	}
	return nil
}

// addActions adds what is served besides stored objects and their views.
func (s *Server) addActions(ctx context.Context, stores map[schema.GroupResource]*genericregistry.Store, served map[schema.GroupVersion]map[string]rest.Storage) error {
	serviceRanges, err := s.options.ServiceRanges()
	if err != nil {
		return err
	}
	kubelet, err := registry.NewKubeletConnection(s.options.Kubelet, s.informers.Core().V1().Nodes().Lister())
	if err != nil {
		return err
	}
	var destroy func()
	if s.ports, destroy, err = ipalloc.NewPorts(s.options.ServiceNodePortRange, s.generic.RESTOptionsGetter); err != nil {
		return err
	}
	s.core.RegisterDestroyFunc(destroy)
	s.doubts = ipalloc.NewDoubts()
	s.addresses = &ipalloc.Addresses{Ranges: serviceRanges, Client: s.client,
		CIDRs: s.informers.Networking().V1().ServiceCIDRs().Lister(), Taken: s.informers.Networking().V1().IPAddresses().Lister()}
	kubelet.MaxBytesPerSec = s.options.MaxConnectionBytesPerSec
	return registry.AddActions(ctx, registry.Dependencies{
		Stores:        stores,
		Client:        s.client,
		Informers:     s.informers,
		Authenticator: s.generic.Authentication.Authenticator,
		Authorizer:    s.generic.Authorization.Authorizer,
		RuleResolver:  s.generic.RuleResolver,
		Roles:         s.roles,
		Issuer:        s.auth.issuer,
		Audiences:     s.auth.audiences,
		MaxTokenLife:  s.options.Authentication.ServiceAccounts.MaxExpiration,
		ExtendTokens:  s.options.Authentication.ServiceAccounts.ExtendExpiration,
		Kubelet:       kubelet,
		ServiceRanges: serviceRanges,
		Addresses:     s.addresses,
		NodePorts:     s.ports,
		Doubts:        s.doubts,
		Now:           time.Now,
	}, served)
}

// install registers the groups with the server, in the order of pkg/api.
func (s *Server) install(served map[schema.GroupVersion]map[string]rest.Storage) error {
	parameters := runtime.NewParameterCodec(s.scheme)
	for _, g := range s.groups {
		info := genericapiserver.NewDefaultAPIGroupInfo(g.Name, s.scheme, parameters, s.codecs)
		for _, v := range g.GroupVersions() {
			if len(served[v]) > 0 {
				info.VersionedResourcesStorageMap[v.Version] = served[v]
				s.versions = append(s.versions, v)
			}
		}
		if len(info.VersionedResourcesStorageMap) == 0 {
			continue
		}
		install := s.core.InstallAPIGroup
		if g.Name == "" {
			install = func(i *genericapiserver.APIGroupInfo) error { return s.core.InstallLegacyAPIGroup("/api", i) }
		}
		if err := install(&info); err != nil {
			return fmt.Errorf("serve API group %q: %w", g.Name, err)
		}
	}
	return nil
}

// resourceOf names the resource of a hub type.
func (s *Server) resourceOf(obj runtime.Object) (schema.GroupResource, error) {
	kinds, _, err := s.scheme.ObjectKinds(obj)
	if err != nil {
		return schema.GroupResource{}, err
	}
	for _, g := range s.groups {
		for _, r := range g.Resources {
			for _, k := range kinds {
				if r.Names().Kind == k {
					return r.Names().Resource(), nil
				}
			}
		}
	}
	return schema.GroupResource{}, fmt.Errorf("no resource keeps objects of type %T in memory", obj)
}

// newObject makes an object of the hub type of a resource.
func (s *Server) newObject(r schema.GroupVersionResource) (runtime.Object, error) {
	for _, g := range s.groups {
		for _, d := range g.Resources {
			if n := d.Names(); n.Resource() == r.GroupResource() && n.Kind.Version == r.Version {
				return s.scheme.New(n.Kind)
			}
		}
	}
	return nil, fmt.Errorf("no resource %s is kept in memory", r)
}
