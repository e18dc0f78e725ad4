package core

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/proa-sh/proa/staging/apidef"
	rules "github.com/proa-sh/proa/staging/apirules/core"
)

func serviceAccount() apidef.Definition {
	type object = *corev1.ServiceAccount
	return (&apidef.Resource[corev1.ServiceAccount, object]{
		Names: apidef.Names{
			Kind:       corev1.SchemeGroupVersion.WithKind("ServiceAccount"),
			Plural:     "serviceaccounts",
			Singular:   "serviceaccount",
			ShortNames: []string{"sa"},
		},
		NewList:           func() runtime.Object { return &corev1.ServiceAccountList{} },
		Validate:          rules.ValidateServiceAccount,
		ValidateUpdate:    rules.ValidateServiceAccountUpdate,
		Warnings:          rules.ServiceAccountWarnings,
		PrepareCreate:     keepSecretNames,
		PrepareUpdate:     func(new, _ object) { keepSecretNames(new) },
		ConditionalUpdate: true,
		ReturnDeleted:     true,
		Columns:           []apidef.Column[object]{apidef.Name[object](), apidef.Age[object]()},
	}).Define()
}

// keepSecretNames leaves of each reference to a secret its name: the secrets are in the account's namespace.
func keepSecretNames(a *corev1.ServiceAccount) {
	for i := range a.Secrets {
		a.Secrets[i] = corev1.ObjectReference{Name: a.Secrets[i].Name}
	}
}
