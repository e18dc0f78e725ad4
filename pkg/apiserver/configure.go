package apiserver

import (
	"context"
	"fmt"
	"net"
	"net/http"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/admission/initializer"
	webhookinit "k8s.io/apiserver/pkg/admission/plugin/webhook/initializer"
	aggregated "k8s.io/apiserver/pkg/endpoints/discovery/aggregated"
	"k8s.io/apiserver/pkg/quota/v1/generic"
	genericapiserver "k8s.io/apiserver/pkg/server"
	genericfilters "k8s.io/apiserver/pkg/server/filters"
	serverstorage "k8s.io/apiserver/pkg/server/storage"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	"k8s.io/apiserver/pkg/util/proxy"
	"k8s.io/apiserver/pkg/util/webhook"
	"k8s.io/client-go/dynamic"
	aggregator "k8s.io/kube-aggregator/pkg/apiserver"
	"k8s.io/utils/clock"

	plugins "github.com/proa-sh/proa/pkg/apiserver/admission"
	"github.com/proa-sh/proa/pkg/component"
	"github.com/proa-sh/proa/pkg/quota"
)

// configure makes the configuration that the three servers share.
func (s *Server) configure(ctx context.Context) error {
	o := s.options
	c := genericapiserver.NewConfig(s.codecs)
	s.generic = c
	c.LoopbackClientConfig, c.Flagz = s.loopback, component.Flags(ctx)
	c.LongRunningFunc = genericfilters.BasicLongRunningRequestCheck(
		sets.NewString("watch", "proxy"), sets.NewString("attach", "exec", "proxy", "log", "portforward"))
	c.MergedResourceConfig = serverstorage.NewResourceConfig()
	s.configureOpenAPI()

	for _, step := range []struct {
		name string
		run  func() error
	}{
		{"find the address to advertise", func() error { return o.Run.DefaultAdvertiseAddress(o.Serving.SecureServingOptions) }},
		{"apply run options", func() error { return o.Run.ApplyTo(c) }},
		{"make a serving certificate", s.ensureCertificate},
		// The loopback connection needs no certificate: it is the in-process transport.
		{"listen", func() error { return o.Serving.SecureServingOptions.ApplyTo(&c.SecureServing) }},
		{"apply egress options", func() error { return o.Egress.ApplyTo(c) }},
		{"enable API versions", s.enableVersions},
		{"apply tracing options", func() error { return o.Tracing.ApplyTo(c.EgressSelector, c) }},
		{"open storage", s.configureStorage},
		{"apply features", func() error { return o.Features.ApplyTo(c, s.client, s.informers) }},
		{"configure authentication", s.configureAuthentication},
		{"configure authorization", s.configureAuthorization},
		{"configure audit", func() error { return o.Audit.ApplyTo(c) }},
		{"configure admission", s.configureAdmission},
	} {
		if err := step.run(); err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
	}
	chain := c.BuildHandlerChainFunc
	c.BuildHandlerChainFunc = func(h http.Handler, c *genericapiserver.Config) http.Handler { return chain(killable(h), c) }
	c.AggregatedDiscoveryGroupManager = aggregated.NewResourceManager("apis")
	return nil
}

// ensureCertificate makes a pair of certificate and key, signed by itself, in --cert-dir if none is given and none is there.
func (s *Server) ensureCertificate() error {
	ranges, err := s.options.ServiceRanges()
	if err != nil {
		return err
	}
	return s.options.Serving.MaybeDefaultWithSelfSignedCerts(s.options.AdvertisedIP().String(),
		[]string{"kubernetes.default.svc", "kubernetes.default", "kubernetes"}, []net.IP{ranges[0].Addr().Next().AsSlice()})
}

// enableVersions switches on every declared version, less those that --runtime-config switches off.
func (s *Server) enableVersions() error {
	defaults := serverstorage.NewResourceConfig()
	for _, g := range s.groups {
		defaults.EnableVersions(g.GroupVersions()...)
	}
	defaults.EnableVersions(schema.GroupVersion{Group: "apiextensions.k8s.io", Version: "v1"}, schema.GroupVersion{Group: "apiregistration.k8s.io", Version: "v1"})
	return s.options.Enablement.ApplyTo(s.generic, defaults, s.scheme)
}

// configureStorage says where and how each resource is stored: under upstream's keys, in its hub version.
func (s *Server) configureStorage() error {
	encoding := serverstorage.NewDefaultResourceEncodingConfig(s.scheme)
	prefixes := map[schema.GroupResource]string{}
	for _, g := range s.groups {
		for _, r := range g.Resources {
			n := r.Names()
			prefixes[n.Resource()] = n.Prefix()
			encoding.SetResourceEncoding(n.Resource(), n.Kind.GroupVersion(), schema.GroupVersion{Group: n.Kind.Group, Version: runtime.APIVersionInternal})
		}
	}
	config := s.options.Etcd.StorageConfig
	config.StorageObjectCountTracker = s.generic.StorageObjectCountTracker
	factory := serverstorage.NewDefaultStorageFactory(config, s.options.Etcd.DefaultStorageMediaType, s.codecs, encoding, s.generic.MergedResourceConfig, prefixes)
	return s.options.Etcd.ApplyWithStorageFactoryTo(factory, s.generic)
}

func (s *Server) configureAdmission() error {
	client, err := dynamic.NewForConfig(s.loopback)
	if err != nil {
		return err
	}
	if s.services, err = s.newServiceResolver(); err != nil {
		return err
	}
	return s.options.Admission.ApplyTo(s.generic, s.informers, s.client, client, utilfeature.DefaultFeatureGate, s.generic.EffectiveVersion, s.admissionInitializers()...)
}

// admissionInitializers give plugins what is particular to this server: how to reach webhooks, and what objects cost in a
// quota.
func (s *Server) admissionInitializers() []admission.PluginInitializer {
	return []admission.PluginInitializer{webhookinit.NewPluginInitializer(s.webhookAuthentication(), s.services), quotaInitializer{},
		plugins.Initializer(plugins.Settings{NotReadySeconds: s.options.DefaultNotReadyTolerationSeconds, UnreachableSeconds: s.options.DefaultUnreachableTolerationSeconds,
			APIAudiences: s.auth.audiences})}
}

// quotaInitializer gives the plugin ResourceQuota its evaluators.
type quotaInitializer struct{}

func (quotaInitializer) Initialize(plugin admission.Interface) {
	if p, ok := plugin.(initializer.WantsQuotaConfiguration); ok {
		p.SetQuotaConfiguration(generic.NewConfiguration(quota.Evaluators(nil, clock.RealClock{}), quota.Ignored()))
	}
}

// webhookAuthentication says how the server proves its identity to webhooks.
func (s *Server) webhookAuthentication() webhook.AuthenticationInfoResolverWrapper {
	return webhook.NewDefaultAuthenticationInfoResolverWrapper(nil, s.generic.EgressSelector, s.loopback, s.generic.TracerProvider)
}

// newServiceResolver finds an address of a Service that is a webhook or an aggregated server: that of an endpoint, or
// the cluster IP if this machine has a service proxy.
func (s *Server) newServiceResolver() (aggregator.ServiceResolver, error) {
	services := s.informers.Core().V1().Services().Lister()
	if !s.options.EnableAggregatorRouting {
		return aggregator.NewClusterIPServiceResolver(services), nil
	}
	slices, err := proxy.NewEndpointSliceIndexerGetter(s.informers.Discovery().V1().EndpointSlices())
	if err != nil {
		return nil, err
	}
	return aggregator.NewEndpointServiceResolver(services, slices), nil
}
