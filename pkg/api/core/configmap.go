package core

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/proa-sh/proa/staging/apidef"
	rules "github.com/proa-sh/proa/staging/apirules/core"
)

func configMap() apidef.Definition {
	type object = *corev1.ConfigMap
	return (&apidef.Resource[corev1.ConfigMap, object]{
		Names: apidef.Names{
			Kind:       corev1.SchemeGroupVersion.WithKind("ConfigMap"),
			Plural:     "configmaps",
			Singular:   "configmap",
			ShortNames: []string{"cm"},
		},
		NewList:        func() runtime.Object { return &corev1.ConfigMapList{} },
		Validate:       rules.ValidateConfigMap,
		ValidateUpdate: rules.ValidateConfigMapUpdate,
		Indexed:        "metadata.name",
		Columns: []apidef.Column[object]{
			apidef.Name[object](),
			{Name: "Data", Description: corev1.ConfigMap{}.SwaggerDoc()["data"],
				Value: func(c object) any { return int64(len(c.Data) + len(c.BinaryData)) }},
			apidef.Age[object](),
		},
	}).Define()
}
