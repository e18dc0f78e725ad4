package admissionregistration

import (
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/proa-sh/proa/staging/apidef"
	rules "github.com/proa-sh/proa/staging/apirules/admissionregistration"
)

func validatingWebhooks() apidef.Definition {
	type object = *admissionregistrationv1.ValidatingWebhookConfiguration
	return (&apidef.Resource[admissionregistrationv1.ValidatingWebhookConfiguration, object]{
		Names: apidef.Names{
			Kind:          admissionregistrationv1.SchemeGroupVersion.WithKind("ValidatingWebhookConfiguration"),
			Plural:        "validatingwebhookconfigurations",
			Singular:      "validatingwebhookconfiguration",
			Categories:    []string{"api-extensions"},
			ClusterScoped: true,
		},
		NewList:           func() runtime.Object { return &admissionregistrationv1.ValidatingWebhookConfigurationList{} },
		Default:           rules.SetValidatingWebhookConfigurationDefaults,
		Validate:          compiled().ValidateValidatingWebhookConfiguration,
		ValidateUpdate:    compiled().ValidateValidatingWebhookConfigurationUpdate,
		ConditionalUpdate: true,
		Spec:              apidef.Field(func(c object) *[]admissionregistrationv1.ValidatingWebhook { return &c.Webhooks }),
		Columns: []apidef.Column[object]{
			apidef.Name[object](),
			{Name: "Webhooks", Type: "integer", Description: admissionregistrationv1.ValidatingWebhookConfiguration{}.SwaggerDoc()["webhooks"],
				Value: func(c object) any { return int64(len(c.Webhooks)) }},
			apidef.Age[object](),
		},
	}).Define()
}
