package networking

import (
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/proa-sh/proa/staging/apidef"
	rules "github.com/proa-sh/proa/staging/apirules/networking"
)

func serviceCIDR() apidef.Definition {
	type object = *networkingv1.ServiceCIDR
	return (&apidef.Resource[networkingv1.ServiceCIDR, object]{
		Names: apidef.Names{
			Kind:          networkingv1.SchemeGroupVersion.WithKind("ServiceCIDR"),
			Plural:        "servicecidrs",
			Singular:      "servicecidr",
			ClusterScoped: true,
		},
		NewList:        func() runtime.Object { return &networkingv1.ServiceCIDRList{} },
		Validate:       rules.ValidateServiceCIDR,
		ValidateUpdate: rules.ValidateServiceCIDRUpdate,
		ValidateStatus: rules.ValidateServiceCIDRStatusUpdate,
		Spec:           apidef.Field(func(c object) *networkingv1.ServiceCIDRSpec { return &c.Spec }),
		Uncounted:      true,
		Status:         apidef.Field(func(c object) *networkingv1.ServiceCIDRStatus { return &c.Status }),
		Columns: []apidef.Column[object]{
			apidef.Name[object](),
			{Name: "CIDRs", Description: networkingv1.ServiceCIDRSpec{}.SwaggerDoc()["cidrs"],
				Value: func(c object) any { return strings.Join(c.Spec.CIDRs, ",") }},
			apidef.Age[object](),
		},
	}).Define()
}
