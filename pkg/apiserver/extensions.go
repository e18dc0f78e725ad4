package apiserver

import (
	"context"

	apiextensionsapi "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apiextensions "k8s.io/apiextensions-apiserver/pkg/apiserver"
	apiextensionsoptions "k8s.io/apiextensions-apiserver/pkg/cmd/server/options"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/registry/generic"
	genericapiserver "k8s.io/apiserver/pkg/server"
	serverstorage "k8s.io/apiserver/pkg/server/storage"
	aggregatorapi "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	aggregatorscheme "k8s.io/kube-aggregator/pkg/apiserver/scheme"
)

// delegateConfig copies the shared configuration for a server of a library, which keeps what it is the home of in
// storage with codecs of its own.
func (s *Server) delegateConfig(getter generic.RESTOptionsGetter) *genericapiserver.RecommendedConfig {
	c := *s.generic
	// Hooks belong to the server that they were added to.
	c.PostStartHooks = map[string]genericapiserver.PostStartHookConfigEntry{}
	c.RESTOptionsGetter = getter
	return &genericapiserver.RecommendedConfig{Config: c, SharedInformerFactory: s.informers}
}

// libraryStorage stores the kinds of a library's scheme under upstream's keys: group and plural name.
func (s *Server) libraryStorage(scheme *runtime.Scheme, codecs runtime.StorageSerializer, version schema.GroupVersion, resource string) generic.RESTOptionsGetter {
	encoding := serverstorage.NewDefaultResourceEncodingConfig(scheme)
	config := s.options.Etcd.StorageConfig
	config.StorageObjectCountTracker = s.generic.StorageObjectCountTracker
	gr := version.WithResource(resource).GroupResource()
	factory := serverstorage.NewDefaultStorageFactory(config, runtime.ContentTypeJSON, codecs, encoding, s.generic.MergedResourceConfig,
		map[schema.GroupResource]string{gr: gr.Group + "/" + gr.Resource})
	return s.options.Etcd.CreateRESTOptionsGetter(factory, s.generic.ResourceTransformers)
}

// buildExtensions builds the server of custom resources, the last in the chain.
func (s *Server) buildExtensions(context.Context) error {
	config := &apiextensions.Config{
		GenericConfig: s.delegateConfig(s.libraryStorage(apiextensions.Scheme, apiextensions.Codecs, apiextensionsapi.SchemeGroupVersion, "customresourcedefinitions")),
		ExtraConfig: apiextensions.ExtraConfig{
			CRDRESTOptionsGetter: apiextensionsoptions.NewCRDRESTOptionsGetter(*s.options.Etcd, s.generic.ResourceTransformers, s.generic.StorageObjectCountTracker),
			MasterCount:          1,
			ServiceResolver:      s.services,
			AuthResolverWrapper:  s.webhookAuthentication(),
		},
	}
	var err error
	s.extensions, err = config.Complete().New(genericapiserver.NewEmptyDelegate())
	return err
}

// aggregatorStorage stores APIServices.
func (s *Server) aggregatorStorage() generic.RESTOptionsGetter {
	return s.libraryStorage(aggregatorscheme.Scheme, aggregatorscheme.Codecs, aggregatorapi.SchemeGroupVersion, "apiservices")
}
