package networking

import (
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/proa-sh/proa/staging/apidef"
	rules "github.com/proa-sh/proa/staging/apirules/networking"
)

func networkPolicy() apidef.Definition {
	type object = *networkingv1.NetworkPolicy
	return (&apidef.Resource[networkingv1.NetworkPolicy, object]{
		Names: apidef.Names{
			Kind:       networkingv1.SchemeGroupVersion.WithKind("NetworkPolicy"),
			Plural:     "networkpolicies",
			Singular:   "networkpolicy",
			ShortNames: []string{"netpol"},
		},
		NewList:        func() runtime.Object { return &networkingv1.NetworkPolicyList{} },
		Default:        rules.SetNetworkPolicyDefaults,
		Validate:       rules.ValidateNetworkPolicy,
		ValidateUpdate: rules.ValidateNetworkPolicyUpdate,
		Warnings:       rules.NetworkPolicyWarnings,
		Spec:           apidef.Field(func(p object) *networkingv1.NetworkPolicySpec { return &p.Spec }),
		Columns: []apidef.Column[object]{
			apidef.Name[object](),
			{Name: "Pod-Selector", Description: networkingv1.NetworkPolicySpec{}.SwaggerDoc()["podSelector"],
				Value: func(p object) any { return metav1.FormatLabelSelector(&p.Spec.PodSelector) }},
			apidef.Age[object](),
		},
	}).Define()
}
