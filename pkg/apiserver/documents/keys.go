package documents

import (
	"k8s.io/kube-openapi/pkg/common"
	"k8s.io/kube-openapi/pkg/validation/spec"
)

// WithKeys returns the definitions with "" as the default of strings that tell the elements of a list apart
// (x-kubernetes-list-map-keys) and may be left out. Field managers (server-side apply) cannot read a list with an element that
// leaves its only key out: its object would lose all managedFields, with an error in the log, before validation can say
// that the key is required. The published documents have no such defaults.
func WithKeys(definitions common.GetOpenAPIDefinitions) common.GetOpenAPIDefinitions {
	return func(ref common.ReferenceCallback) map[string]common.OpenAPIDefinition {
		targets := map[string]string{} // names of definitions by references to them
		all := definitions(func(name string) spec.Ref {
			r := ref(name)
			targets[r.String()] = name
			return r
		})
		for _, d := range all {
			for _, list := range d.Schema.Properties {
				keys, ok := list.Extensions["x-kubernetes-list-map-keys"].([]any)
				if !ok || list.Items == nil || list.Items.Schema == nil {
					continue
				}
				if element, ok := all[targets[list.Items.Schema.Ref.String()]]; ok {
					addDefaults(element.Schema.Properties, keys)
				}
			}
		}
		return all
	}
}

// addDefaults leaves lists alone that have a key which cannot be left out: the others are no part of an element's path then.
func addDefaults(properties map[string]spec.Schema, keys []any) {
	for _, k := range keys {
		if name, _ := k.(string); properties[name].Default != nil {
			return
		}
	}
	for _, k := range keys {
		name, _ := k.(string)
		if p, ok := properties[name]; ok && p.Default == nil && p.Type.Contains("string") {
			p.Default = ""
			properties[name] = p
		}
	}
}
