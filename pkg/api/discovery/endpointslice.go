package discovery

import (
	"strconv"

	discoveryv1 "k8s.io/api/discovery/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/proa-sh/proa/pkg/api/columns"
	"github.com/proa-sh/proa/staging/apidef"
	rules "github.com/proa-sh/proa/staging/apirules/discovery"
)

func endpointSlice() apidef.Definition {
	type object = *discoveryv1.EndpointSlice
	doc := discoveryv1.EndpointSlice{}.SwaggerDoc()
	return (&apidef.Resource[discoveryv1.EndpointSlice, object]{
		Names: apidef.Names{
			Kind:     discoveryv1.SchemeGroupVersion.WithKind("EndpointSlice"),
			Plural:   "endpointslices",
			Singular: "endpointslice",
		},
		NewList:        func() runtime.Object { return &discoveryv1.EndpointSliceList{} },
		Default:        rules.SetEndpointSliceDefaults,
		Validate:       rules.ValidateEndpointSlice,
		ValidateUpdate: rules.ValidateEndpointSliceUpdate,
		Warnings:       rules.EndpointSliceWarnings,
		PrepareCreate:  func(s object) { dropTopology(s, nil) },
		PrepareUpdate:  dropTopology,
		Spec:           apidef.Field(func(s object) *[]discoveryv1.Endpoint { return &s.Endpoints }),
		Counts: func(new, old object) bool {
			return !apiequality.Semantic.DeepEqual(new.Ports, old.Ports) || !apiequality.Semantic.DeepEqual(new.Labels, old.Labels)
		},
		Columns: []apidef.Column[object]{
			apidef.Name[object](),
			{Name: "AddressType", Description: doc["addressType"], Value: func(s object) any { return string(s.AddressType) }},
			{Name: "Ports", Description: doc["ports"], Value: func(s object) any { return portsCell(s.Ports) }},
			{Name: "Endpoints", Description: doc["endpoints"], Value: func(s object) any { return endpointsCell(s.Endpoints) }},
			apidef.Age[object](),
		},
	}).Define()
}

// dropTopology drops the field that only versions before v1 could write; an update that does not touch endpoints keeps it.
func dropTopology(new, old *discoveryv1.EndpointSlice) {
	if old != nil && apiequality.Semantic.DeepEqual(new.Endpoints, old.Endpoints) {
		return
	}
	for i := range new.Endpoints {
		new.Endpoints[i].DeprecatedTopology = nil
	}
}

func portsCell(ports []discoveryv1.EndpointPort) string {
	var cells []string
	for _, p := range ports {
		if p.Port != nil {
			cells = append(cells, strconv.Itoa(int(*p.Port)))
		} else {
			cells = append(cells, columns.Or(columns.Deref(p.Name, ""), "*"))
		}
	}
	return columns.Or(columns.Some(cells, len(cells)), columns.Unset)
}

func endpointsCell(endpoints []discoveryv1.Endpoint) string {
	var cells []string
	for _, e := range endpoints {
		cells = append(cells, e.Addresses...)
	}
	return columns.Or(columns.Some(cells, len(cells)), columns.Unset)
}
