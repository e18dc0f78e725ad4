package apiserver

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/google/uuid"
	apiextensions "k8s.io/apiextensions-apiserver/pkg/apiserver"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/endpoints/openapi"
	genericapiserver "k8s.io/apiserver/pkg/server"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	openapiutil "k8s.io/apiserver/pkg/util/openapi"
	"k8s.io/component-base/version"
	aggregatorscheme "k8s.io/kube-aggregator/pkg/apiserver/scheme"

	"github.com/proa-sh/proa/pkg/apiserver/documents"
	proaopenapi "github.com/proa-sh/proa/pkg/apiserver/openapi"
)

func (s *Server) configureOpenAPI() {
	definitions := openapiutil.GetOpenAPIDefinitionsWithoutDisabledFeatures(proaopenapi.GetOpenAPIDefinitions)
	namer := openapi.NewDefinitionNamer(externalKinds(s.scheme), apiextensions.Scheme, aggregatorscheme.Scheme)
	s.generic.OpenAPIConfig = genericapiserver.DefaultOpenAPIConfig(definitions, namer)
	s.generic.OpenAPIConfig.Info.Title = "Kubernetes"
	s.generic.OpenAPIV3Config = genericapiserver.DefaultOpenAPIV3Config(documents.WithKeys(definitions), namer)
	s.generic.OpenAPIV3Config.Info.Title = "Kubernetes"
}

// externalKinds returns a scheme with the kinds that clients know: our types are registered for the library's internal
// version too, which the published documents must not name.
func externalKinds(all *runtime.Scheme) *runtime.Scheme {
	out := runtime.NewScheme()
	for kind, t := range all.AllKnownTypes() {
		if obj, ok := reflect.New(t).Interface().(runtime.Object); ok && kind.Version != runtime.APIVersionInternal {
			out.AddKnownTypeWithName(kind, obj)
		}
	}
	return out
}

// serveDocuments serves the OpenAPI documents of everything that has been installed by now.
func (s *Server) serveDocuments() error {
	v3 := *s.generic.OpenAPIV3Config
	v3.GetDefinitions = s.generic.OpenAPIConfig.GetDefinitions // without what only field managers have to know
	return documents.Install(s.core.Handler.GoRestfulContainer.RegisteredWebServices(), s.core.Handler.NonGoRestfulMux, documents.Config{
		V2: s.generic.OpenAPIConfig, V3: &v3, Identity: documentsIdentity(),
	})
}

// documentsIdentity stands for what OpenAPI documents are made from beside the paths: this program, and what its feature gates
// leave of the kinds. A program of no known commit may be any, and is another one each time.
func documentsIdentity() string {
	program := version.Get()
	parts := []string{program.String(), program.GitCommit, program.BuildDate}
	if program.GitTreeState != "clean" {
		parts = append(parts, uuid.NewString())
	}
	for _, gate := range slices.Sorted(maps.Keys(utilfeature.DefaultMutableFeatureGate.GetAll())) {
		parts = append(parts, fmt.Sprintf("%s=%t", gate, utilfeature.DefaultFeatureGate.Enabled(gate)))
	}
	return strings.Join(parts, "\n")
}
