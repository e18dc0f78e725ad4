package core

import (
	"net"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/proa-sh/proa/pkg/api/columns"
	"github.com/proa-sh/proa/staging/apidef"
	rules "github.com/proa-sh/proa/staging/apirules/core"
)

func endpoints() apidef.Definition {
	type object = *corev1.Endpoints
	return (&apidef.Resource[corev1.Endpoints, object]{
		Names: apidef.Names{
			Kind:          corev1.SchemeGroupVersion.WithKind("Endpoints"),
			Plural:        "endpoints",
			Singular:      "endpoints",
			ShortNames:    []string{"ep"},
			StoragePrefix: "services/endpoints",
		},
		NewList:        func() runtime.Object { return &corev1.EndpointsList{} },
		Default:        rules.SetEndpointsDefaults,
		Validate:       rules.ValidateEndpoints,
		ValidateUpdate: rules.ValidateEndpointsUpdate,
		Warnings:       rules.EndpointsWarnings,
		CreateOnUpdate: true,
		Columns: []apidef.Column[object]{
			apidef.Name[object](),
			{Name: "Endpoints", Description: corev1.Endpoints{}.SwaggerDoc()["subsets"],
				Value: func(e object) any { return endpointCell(e.Subsets) }},
			apidef.Age[object](),
		},
	}).Define()
}

// endpointCell shows the first ready addresses with their ports.
func endpointCell(subsets []corev1.EndpointSubset) string {
	if len(subsets) == 0 {
		return columns.None
	}
	var cells []string
	for _, s := range subsets {
		if len(s.Ports) == 0 { // a headless service need not have ports
			for _, a := range s.Addresses {
				cells = append(cells, a.IP)
			}
		}
		for _, p := range s.Ports {
			for _, a := range s.Addresses {
				cells = append(cells, net.JoinHostPort(a.IP, strconv.Itoa(int(p.Port))))
			}
		}
	}
	return columns.Some(cells, len(cells))
}
