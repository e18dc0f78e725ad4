package core

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/proa-sh/proa/staging/apidef"
	rules "github.com/proa-sh/proa/staging/apirules/core"
)

func namespace() apidef.Definition {
	type object = *corev1.Namespace
	return (&apidef.Resource[corev1.Namespace, object]{
		Names: apidef.Names{
			Kind:          corev1.SchemeGroupVersion.WithKind("Namespace"),
			Plural:        "namespaces",
			Singular:      "namespace",
			ShortNames:    []string{"ns"},
			ClusterScoped: true,
		},
		NewList:        func() runtime.Object { return &corev1.NamespaceList{} },
		Default:        rules.SetNamespaceDefaults,
		Validate:       rules.ValidateNamespace,
		ValidateUpdate: rules.ValidateNamespaceUpdate,
		ValidateStatus: rules.ValidateNamespaceStatusUpdate,
		PrepareCreate:  prepareNamespace,
		PrepareUpdate:  func(new, old object) { new.Spec.Finalizers = old.Spec.Finalizers },
		ReturnDeleted:  true,
		Spec:           apidef.Field(func(n object) *corev1.NamespaceSpec { return &n.Spec }),
		Uncounted:      true,
		Status:         apidef.Field(func(n object) *corev1.NamespaceStatus { return &n.Status }),
		Subresources: []apidef.Subresource[object]{{
			Name:      "finalize",
			Prepare:   func(new, old object) { new.Status = old.Status },
			Validate:  rules.ValidateNamespaceFinalizeUpdate,
			Resets:    []string{"status"},
			WriteOnly: true,
		}},
		Fields: map[string]func(object) string{
			"status.phase": func(n object) string { return string(n.Status.Phase) },
		},
		Columns: []apidef.Column[object]{
			apidef.Name[object](),
			{Name: "Status", Description: "The status of the namespace", Value: func(n object) any { return string(n.Status.Phase) }},
			apidef.Age[object](),
		},
	}).Define()
}

// prepareNamespace sees to it that a namespace is emptied before it goes.
func prepareNamespace(n *corev1.Namespace) {
	n.Status.Phase = corev1.NamespaceActive
	if !slices.Contains(n.Spec.Finalizers, corev1.FinalizerKubernetes) {
		n.Spec.Finalizers = append(n.Spec.Finalizers, corev1.FinalizerKubernetes)
	}
}
