package resource

import (
	resourcev1 "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/proa-sh/proa/staging/apidef"
	rules "github.com/proa-sh/proa/staging/apirules/resource"
)

func resourceClaimTemplate() apidef.Definition {
	type object = *resourcev1.ResourceClaimTemplate
	return (&apidef.Resource[resourcev1.ResourceClaimTemplate, object]{
		Names: apidef.Names{
			Kind:     resourcev1.SchemeGroupVersion.WithKind("ResourceClaimTemplate"),
			Plural:   "resourceclaimtemplates",
			Singular: "resourceclaimtemplate",
		},
		NewList:        func() runtime.Object { return &resourcev1.ResourceClaimTemplateList{} },
		Default:        rules.SetResourceClaimTemplateDefaults,
		Validate:       rules.ValidateResourceClaimTemplate,
		ValidateUpdate: rules.ValidateResourceClaimTemplateUpdate,
		ReturnDeleted:  true,
		Columns:        []apidef.Column[object]{apidef.Name[object](), apidef.Age[object]()},
	}).Define()
}
