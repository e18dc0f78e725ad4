package admissionregistration

import (
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/proa-sh/proa/staging/apidef"
	rules "github.com/proa-sh/proa/staging/apirules/admissionregistration"
)

func mutatingPolicyBinding() apidef.Definition {
	type object = *admissionregistrationv1.MutatingAdmissionPolicyBinding
	return (&apidef.Resource[admissionregistrationv1.MutatingAdmissionPolicyBinding, object]{
		Names: apidef.Names{
			Kind:          admissionregistrationv1.SchemeGroupVersion.WithKind("MutatingAdmissionPolicyBinding"),
			Plural:        "mutatingadmissionpolicybindings",
			Singular:      "mutatingadmissionpolicybinding",
			Categories:    []string{"api-extensions"},
			ClusterScoped: true,
		},
		NewList:           func() runtime.Object { return &admissionregistrationv1.MutatingAdmissionPolicyBindingList{} },
		Default:           rules.SetMutatingAdmissionPolicyBindingDefaults,
		Validate:          rules.ValidateMutatingAdmissionPolicyBinding,
		ValidateUpdate:    rules.ValidateMutatingAdmissionPolicyBindingUpdate,
		ConditionalUpdate: true,
		Spec:              apidef.Field(func(b object) *admissionregistrationv1.MutatingAdmissionPolicyBindingSpec { return &b.Spec }),
		Columns: []apidef.Column[object]{
			apidef.Name[object](),
			{Name: "PolicyName", Description: admissionregistrationv1.MutatingAdmissionPolicyBindingSpec{}.SwaggerDoc()["policyName"],
				Value: func(b object) any { return b.Spec.PolicyName }},
			{Name: "ParamRef", Description: admissionregistrationv1.MutatingAdmissionPolicyBindingSpec{}.SwaggerDoc()["paramRef"],
				Value: func(b object) any { return paramRefCell(b.Spec.ParamRef) }},
			apidef.Age[object](),
		},
	}).Define()
}
