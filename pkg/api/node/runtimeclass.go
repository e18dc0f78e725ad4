package node

import (
	nodev1 "k8s.io/api/node/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/proa-sh/proa/staging/apidef"
	rules "github.com/proa-sh/proa/staging/apirules/node"
)

func runtimeClass() apidef.Definition {
	type object = *nodev1.RuntimeClass
	return (&apidef.Resource[nodev1.RuntimeClass, object]{
		Names: apidef.Names{
			Kind:          nodev1.SchemeGroupVersion.WithKind("RuntimeClass"),
			Plural:        "runtimeclasses",
			Singular:      "runtimeclass",
			ClusterScoped: true,
		},
		NewList:           func() runtime.Object { return &nodev1.RuntimeClassList{} },
		Default:           rules.SetRuntimeClassDefaults,
		Validate:          rules.ValidateRuntimeClass,
		ValidateUpdate:    rules.ValidateRuntimeClassUpdate,
		Warnings:          rules.RuntimeClassWarnings,
		ConditionalUpdate: true,
		Columns: []apidef.Column[object]{
			apidef.Name[object](),
			{Name: "Handler", Description: nodev1.RuntimeClass{}.SwaggerDoc()["handler"], Value: func(c object) any { return c.Handler }},
			apidef.Age[object](),
		},
	}).Define()
}
