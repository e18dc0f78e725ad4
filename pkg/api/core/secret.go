package core

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/proa-sh/proa/staging/apidef"
	rules "github.com/proa-sh/proa/staging/apirules/core"
)

func secret() apidef.Definition {
	type object = *corev1.Secret
	return (&apidef.Resource[corev1.Secret, object]{
		Names: apidef.Names{
			Kind:     corev1.SchemeGroupVersion.WithKind("Secret"),
			Plural:   "secrets",
			Singular: "secret",
		},
		NewList:        func() runtime.Object { return &corev1.SecretList{} },
		Normalize:      rules.NormalizeSecret,
		Default:        rules.SetSecretDefaults,
		Validate:       rules.ValidateSecret,
		ValidateUpdate: rules.ValidateSecretUpdate,
		PrepareUpdate:  rules.PrepareSecretUpdate,
		Fields: map[string]func(object) string{
			"type": func(s object) string { return string(s.Type) },
		},
		Indexed: "metadata.name",
		Columns: []apidef.Column[object]{
			apidef.Name[object](),
			{Name: "Type", Description: corev1.Secret{}.SwaggerDoc()["type"], Value: func(s object) any { return string(s.Type) }},
			{Name: "Data", Description: corev1.Secret{}.SwaggerDoc()["data"], Value: func(s object) any { return int64(len(s.Data)) }},
			apidef.Age[object](),
		},
	}).Define()
}
