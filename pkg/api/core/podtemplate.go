package core

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/proa-sh/proa/pkg/api/columns"
	"github.com/proa-sh/proa/staging/apidef"
	rules "github.com/proa-sh/proa/staging/apirules/core"
)

func podTemplate() apidef.Definition {
	type object = *corev1.PodTemplate
	spec := func(t object) columns.PodSpec { return &t.Template.Spec }
	return (&apidef.Resource[corev1.PodTemplate, object]{
		Names: apidef.Names{
			Kind:     corev1.SchemeGroupVersion.WithKind("PodTemplate"),
			Plural:   "podtemplates",
			Singular: "podtemplate",
		},
		NewList:        func() runtime.Object { return &corev1.PodTemplateList{} },
		Normalize:      rules.NormalizePodTemplate,
		Default:        rules.SetPodTemplateDefaults,
		Validate:       rules.ValidatePodTemplate,
		ValidateUpdate: rules.ValidatePodTemplateUpdate,
		Warnings:       rules.PodTemplateWarnings,
		ReturnDeleted:  true,
		Spec:           apidef.Field(func(t object) *corev1.PodTemplateSpec { return &t.Template }),
		Columns: []apidef.Column[object]{
			apidef.Name[object](),
			columns.Narrow(columns.Containers(spec)),
			columns.Narrow(columns.Images(spec)),
			{Name: "Pod Labels", Description: "The labels for the pod template",
				Value: func(t object) any { return labels.FormatLabels(t.Template.Labels) }},
		},
	}).Define()
}
