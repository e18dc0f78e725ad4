package admissionregistration

import (
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/proa-sh/proa/staging/apidef"
	rules "github.com/proa-sh/proa/staging/apirules/admissionregistration"
)

func validatingPolicyBinding() apidef.Definition {
	type object = *admissionregistrationv1.ValidatingAdmissionPolicyBinding
	return (&apidef.Resource[admissionregistrationv1.ValidatingAdmissionPolicyBinding, object]{
		Names: apidef.Names{
			Kind:          admissionregistrationv1.SchemeGroupVersion.WithKind("ValidatingAdmissionPolicyBinding"),
			Plural:        "validatingadmissionpolicybindings",
			Singular:      "validatingadmissionpolicybinding",
			Categories:    []string{"api-extensions"},
			ClusterScoped: true,
		},
		NewList:           func() runtime.Object { return &admissionregistrationv1.ValidatingAdmissionPolicyBindingList{} },
		Default:           rules.SetValidatingAdmissionPolicyBindingDefaults,
		Validate:          rules.ValidateValidatingAdmissionPolicyBinding,
		ValidateUpdate:    rules.ValidateValidatingAdmissionPolicyBindingUpdate,
		ConditionalUpdate: true,
		Spec:              apidef.Field(func(b object) *admissionregistrationv1.ValidatingAdmissionPolicyBindingSpec { return &b.Spec }),
		Columns: []apidef.Column[object]{
			apidef.Name[object](),
			{Name: "PolicyName", Description: admissionregistrationv1.ValidatingAdmissionPolicyBindingSpec{}.SwaggerDoc()["policyName"],
				Value: func(b object) any { return b.Spec.PolicyName }},
			{Name: "ParamRef", Description: admissionregistrationv1.ValidatingAdmissionPolicyBindingSpec{}.SwaggerDoc()["paramRef"],
				Value: func(b object) any { return paramRefCell(b.Spec.ParamRef) }},
			apidef.Age[object](),
		},
	}).Define()
}
