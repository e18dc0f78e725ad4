package networking

import (
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/proa-sh/proa/pkg/api/columns"
	"github.com/proa-sh/proa/staging/apidef"
	rules "github.com/proa-sh/proa/staging/apirules/networking"
)

func ingressClass() apidef.Definition {
	type object = *networkingv1.IngressClass
	doc := networkingv1.IngressClassSpec{}.SwaggerDoc()
	return (&apidef.Resource[networkingv1.IngressClass, object]{
		Names: apidef.Names{
			Kind:          networkingv1.SchemeGroupVersion.WithKind("IngressClass"),
			Plural:        "ingressclasses",
			Singular:      "ingressclass",
			ClusterScoped: true,
		},
		NewList:        func() runtime.Object { return &networkingv1.IngressClassList{} },
		Default:        rules.SetIngressClassDefaults,
		Validate:       rules.ValidateIngressClass,
		ValidateUpdate: rules.ValidateIngressClassUpdate,
		Spec:           apidef.Field(func(c object) *networkingv1.IngressClassSpec { return &c.Spec }),
		Columns: []apidef.Column[object]{
			apidef.Name[object](),
			{Name: "Controller", Description: doc["controller"], Value: func(c object) any { return c.Spec.Controller }},
			{Name: "Parameters", Description: doc["parameters"], Value: func(c object) any { return parametersCell(c.Spec.Parameters) }},
			apidef.Age[object](),
		},
	}).Define()
}

// parametersCell names the object with the class's parameters: kind.group/name.
func parametersCell(p *networkingv1.IngressClassParametersReference) string {
	if p == nil {
		return columns.None
	}
	kind := p.Kind
	if p.APIGroup != nil {
		kind += "." + *p.APIGroup
	}
	return kind + "/" + p.Name
}
