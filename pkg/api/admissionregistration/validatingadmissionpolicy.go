package admissionregistration

import (
	"github.com/proa-sh/proa/staging/apidef"
	rules "github.com/proa-sh/proa/staging/apirules/admissionregistration"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

func validatingPolicy() apidef.Definition {
	type object = *admissionregistrationv1.ValidatingAdmissionPolicy
	return (&apidef.Resource[admissionregistrationv1.ValidatingAdmissionPolicy, object]{
		Names: apidef.Names{
			Kind:          admissionregistrationv1.SchemeGroupVersion.WithKind("ValidatingAdmissionPolicy"),
			Plural:        "validatingadmissionpolicies",
			Singular:      "validatingadmissionpolicy",
			Categories:    []string{"api-extensions"},
			ClusterScoped: true,
		},
		NewList:           func() runtime.Object { return &admissionregistrationv1.ValidatingAdmissionPolicyList{} },
		Default:           rules.SetValidatingAdmissionPolicyDefaults,
		Validate:          compiled().ValidateValidatingAdmissionPolicy,
		ValidateUpdate:    compiled().ValidateValidatingAdmissionPolicyUpdate,
		ValidateStatus:    rules.ValidateValidatingAdmissionPolicyStatusUpdate,
		ConditionalUpdate: true,
		Spec:              apidef.Field(func(p object) *admissionregistrationv1.ValidatingAdmissionPolicySpec { return &p.Spec }),
		Status:            apidef.Field(func(p object) *admissionregistrationv1.ValidatingAdmissionPolicyStatus { return &p.Status }),
		StatusKeeps:       "metadata",
		Columns: []apidef.Column[object]{
			apidef.Name[object](),
			{Name: "Validations", Type: "integer", Description: admissionregistrationv1.ValidatingAdmissionPolicySpec{}.SwaggerDoc()["validations"],
				Value: func(p object) any { return int64(len(p.Spec.Validations)) }},
			{Name: "ParamKind", Description: admissionregistrationv1.ValidatingAdmissionPolicySpec{}.SwaggerDoc()["paramKind"],
				Value: func(p object) any { return paramKindCell(p.Spec.ParamKind) }},
			apidef.Age[object](),
		},
	}).Define()
}
