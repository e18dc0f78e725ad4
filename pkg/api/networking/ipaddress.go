package networking

import (
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/proa-sh/proa/pkg/api/columns"
	"github.com/proa-sh/proa/staging/apidef"
	rules "github.com/proa-sh/proa/staging/apirules/networking"
)

func ipAddress() apidef.Definition {
	type object = *networkingv1.IPAddress
	return (&apidef.Resource[networkingv1.IPAddress, object]{
		Names: apidef.Names{
			Kind:          networkingv1.SchemeGroupVersion.WithKind("IPAddress"),
			Plural:        "ipaddresses",
			Singular:      "ipaddress",
			ShortNames:    []string{"ip"},
			ClusterScoped: true,
		},
		NewList:        func() runtime.Object { return &networkingv1.IPAddressList{} },
		Validate:       rules.ValidateIPAddress,
		ValidateUpdate: rules.ValidateIPAddressUpdate,
		Columns: []apidef.Column[object]{
			apidef.Name[object](),
			{Name: "ParentRef", Description: networkingv1.IPAddressSpec{}.SwaggerDoc()["parentRef"],
				Value: func(a object) any { return parentCell(a.Spec.ParentRef) }},
		},
	}).Define()
}

// parentCell names the object that an address belongs to: services/default/kubernetes.
func parentCell(r *networkingv1.ParentReference) string {
	if r == nil {
		return columns.None
	}
	parts := []string{strings.ToLower(schema.GroupResource{Group: r.Group, Resource: r.Resource}.String())}
	if r.Namespace != "" {
		parts = append(parts, r.Namespace)
	}
	return strings.Join(append(parts, r.Name), "/")
}
