package admissionregistration

import (
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/proa-sh/proa/staging/apidef"
	rules "github.com/proa-sh/proa/staging/apirules/admissionregistration"
)

func mutatingWebhooks() apidef.Definition {
	type object = *admissionregistrationv1.MutatingWebhookConfiguration
	return (&apidef.Resource[admissionregistrationv1.MutatingWebhookConfiguration, object]{
		Names: apidef.Names{
			Kind:          admissionregistrationv1.SchemeGroupVersion.WithKind("MutatingWebhookConfiguration"),
			Plural:        "mutatingwebhookconfigurations",
			Singular:      "mutatingwebhookconfiguration",
			Categories:    []string{"api-extensions"},
			ClusterScoped: true,
		},
		NewList:           func() runtime.Object { return &admissionregistrationv1.MutatingWebhookConfigurationList{} },
		Default:           rules.SetMutatingWebhookConfigurationDefaults,
		Validate:          compiled().ValidateMutatingWebhookConfiguration,
		ValidateUpdate:    compiled().ValidateMutatingWebhookConfigurationUpdate,
		ConditionalUpdate: true,
		Spec:              apidef.Field(func(c object) *[]admissionregistrationv1.MutatingWebhook { return &c.Webhooks }),
		Columns: []apidef.Column[object]{
			apidef.Name[object](),
			{Name: "Webhooks", Type: "integer", Description: admissionregistrationv1.MutatingWebhookConfiguration{}.SwaggerDoc()["webhooks"],
				Value: func(c object) any { return int64(len(c.Webhooks)) }},
			apidef.Age[object](),
		},
	}).Define()
}
