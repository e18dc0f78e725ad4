package admissionregistration

import (
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/proa-sh/proa/staging/apidef"
	rules "github.com/proa-sh/proa/staging/apirules/admissionregistration"
)

func mutatingPolicy() apidef.Definition {
	type object = *admissionregistrationv1.MutatingAdmissionPolicy
	return (&apidef.Resource[admissionregistrationv1.MutatingAdmissionPolicy, object]{
		Names: apidef.Names{
			Kind:          admissionregistrationv1.SchemeGroupVersion.WithKind("MutatingAdmissionPolicy"),
			Plural:        "mutatingadmissionpolicies",
			Singular:      "mutatingadmissionpolicy",
			Categories:    []string{"api-extensions"},
			ClusterScoped: true,
		},
		NewList:           func() runtime.Object { return &admissionregistrationv1.MutatingAdmissionPolicyList{} },
		Default:           rules.SetMutatingAdmissionPolicyDefaults,
		Validate:          compiled().ValidateMutatingAdmissionPolicy,
		ValidateUpdate:    compiled().ValidateMutatingAdmissionPolicyUpdate,
		ConditionalUpdate: true,
		Spec:              apidef.Field(func(p object) *admissionregistrationv1.MutatingAdmissionPolicySpec { return &p.Spec }),
		Columns: []apidef.Column[object]{
			apidef.Name[object](),
			{Name: "Mutations", Type: "integer", Description: admissionregistrationv1.MutatingAdmissionPolicySpec{}.SwaggerDoc()["mutations"],
				Value: func(p object) any { return int64(len(p.Spec.Mutations)) }},
			{Name: "ParamKind", Description: admissionregistrationv1.MutatingAdmissionPolicySpec{}.SwaggerDoc()["paramKind"],
				Value: func(p object) any { return paramKindCell(p.Spec.ParamKind) }},
			apidef.Age[object](),
		},
	}).Define()
}
