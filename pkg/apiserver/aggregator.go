package apiserver

import (
	"context"
	"fmt"
	"slices"

	apiextensionsapi "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	genericapiserver "k8s.io/apiserver/pkg/server"
	aggregatorapi "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	aggregator "k8s.io/kube-aggregator/pkg/apiserver"
	aggregatorclient "k8s.io/kube-aggregator/pkg/client/clientset_generated/clientset"
	"k8s.io/kube-aggregator/pkg/controllers/autoregister"
)

// buildAggregator builds the first server in the chain, which knows for each group whether it is served here.
func (s *Server) buildAggregator(context.Context) error {
	generic := s.delegateConfig(s.aggregatorStorage())
	generic.SkipOpenAPIInstallation = true // the aggregator serves the merged documents itself
	config := &aggregator.Config{
		GenericConfig: generic,
		ExtraConfig: aggregator.ExtraConfig{
			ProxyClientCertFile:       s.options.ProxyClientCertFile,
			ProxyClientKeyFile:        s.options.ProxyClientKeyFile,
			ServiceResolver:           s.services,
			RejectForwardingRedirects: s.options.AggregatorRejectForwardingRedirects,
		},
	}
	var err error
	if s.aggregator, err = config.Complete().NewWithDelegate(s.core); err != nil {
		return err
	}
	client, err := aggregatorclient.NewForConfig(s.loopback)
	if err != nil {
		return fmt.Errorf("make client of API services: %w", err)
	}
	services := autoregister.NewAutoRegisterController(s.aggregator.APIRegistrationInformers.Apiregistration().V1().APIServices(), client.ApiregistrationV1())
	local := s.localServices()
	if err := s.addCompletion(local); err != nil {
		return err
	}
	for _, service := range local {
		services.AddAPIServiceToSyncOnStart(service)
		// Aggregated discovery takes the order of other servers' groups from their API services, and of ours from here.
		v := metav1.GroupVersion{Group: service.Spec.Group, Version: service.Spec.Version}
		s.generic.AggregatedDiscoveryGroupManager.SetGroupVersionPriority(v, int(service.Spec.GroupPriorityMinimum), int(service.Spec.VersionPriority))
	}
	custom, err := newCustomServices(s.extensions.Informers.Apiextensions().V1().CustomResourceDefinitions(), services)
	if err != nil {
		return err
	}
	return s.aggregator.GenericAPIServer.AddPostStartHook("kube-apiserver-autoregistration", func(hook genericapiserver.PostStartHookContext) error {
		go func() {
			// CRDs that exist have to be known first, or their API services would be taken for left over.
			if custom.waitForSync(hook) {
				services.Run(5, hook.Done())
			}
		}()
		return nil
	})
}

// Priorities of API services: those of custom groups stand behind all of the server's own.
const (
	highestGroupPriority = 18000
	groupPriorityStep    = 100
	customGroupPriority  = 1000
	customPriority       = 100
	localVersionPriority = 15
)

// localServices are the API services of the versions that this server serves itself, in the order of pkg/api.
func (s *Server) localServices() []*aggregatorapi.APIService {
	served := append(s.versions[:len(s.versions):len(s.versions)], apiextensionsapi.SchemeGroupVersion)
	var out []*aggregatorapi.APIService
	for i, g := range s.groups {
		versions := g.GroupVersions()
		for j, v := range versions {
			if slices.Contains(served, v) {
				out = append(out, newAPIService(v, highestGroupPriority-int32(i)*groupPriorityStep, int32(len(versions)-j)*localVersionPriority))
			}
		}
	}
	return out
}

// newAPIService says that this server serves the version itself.
func newAPIService(v schema.GroupVersion, group, version int32) *aggregatorapi.APIService {
	return &aggregatorapi.APIService{
		ObjectMeta: metav1.ObjectMeta{Name: v.Version + "." + v.Group},
		Spec:       aggregatorapi.APIServiceSpec{Group: v.Group, Version: v.Version, GroupPriorityMinimum: group, VersionPriority: version},
	}
}
