package apiserver

import (
	"context"
	"fmt"

	apiextensionsapi "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	extensionsinformers "k8s.io/apiextensions-apiserver/pkg/client/informers/externalversions/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/cache"
	"k8s.io/kube-aggregator/pkg/controllers/autoregister"
)

// customServices keeps an APIService for every version that some CustomResourceDefinition serves.
type customServices struct {
	definitions cache.SharedIndexInformer
	handler     cache.ResourceEventHandlerRegistration
	services    autoregister.AutoAPIServiceRegistration
}

// byVersion is the index of definitions by the versions that they serve.
const byVersion = "group-version"

func newCustomServices(informer extensionsinformers.CustomResourceDefinitionInformer, services autoregister.AutoAPIServiceRegistration) (*customServices, error) {
	c := &customServices{definitions: informer.Informer(), services: services}
	err := c.definitions.AddIndexers(cache.Indexers{byVersion: func(o any) ([]string, error) {
		var out []string
		for _, v := range servedVersions(o) {
			out = append(out, v.String())
		}
		return out, nil
	}})
	if err != nil {
		return nil, fmt.Errorf("index custom resource definitions: %w", err)
	}
	c.handler, err = c.definitions.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc: func(o any) { c.sync(servedVersions(o)) },
		UpdateFunc: func(old, o any) {
			c.sync(servedVersions(old))
			c.sync(servedVersions(o))
		},
		DeleteFunc: func(o any) {
			if gone, ok := o.(cache.DeletedFinalStateUnknown); ok {
				o = gone.Obj
			}
			c.sync(servedVersions(o))
		},
	})
	if err != nil {
		return nil, fmt.Errorf("watch custom resource definitions: %w", err)
	}
	return c, nil
}

func (c *customServices) waitForSync(ctx context.Context) bool {
	return cache.WaitForCacheSync(ctx.Done(), c.handler.HasSynced)
}

func servedVersions(o any) []schema.GroupVersion {
	definition, ok := o.(*apiextensionsapi.CustomResourceDefinition)
	if !ok {
		return nil
	}
	var out []schema.GroupVersion
	for _, v := range definition.Spec.Versions {
		if v.Served {
			out = append(out, schema.GroupVersion{Group: definition.Spec.Group, Version: v.Name})
		}
	}
	return out
}

func (c *customServices) sync(versions []schema.GroupVersion) {
	for _, v := range versions {
		// The only error is that of an unknown index.
		serving, _ := c.definitions.GetIndexer().ByIndex(byVersion, v.String())
		service := newAPIService(v, customGroupPriority, customPriority)
		if len(serving) == 0 {
			c.services.RemoveAPIServiceToSync(service.Name)
			continue
		}
		c.services.AddAPIServiceToSync(service)
	}
}
