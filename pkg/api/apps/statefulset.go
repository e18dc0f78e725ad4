package apps

import (
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/proa-sh/proa/pkg/api/columns"
	"github.com/proa-sh/proa/staging/apidef"
	rules "github.com/proa-sh/proa/staging/apirules/apps"
)

func statefulSet() apidef.Definition {
	type object = *appsv1.StatefulSet
	spec := func(s object) columns.PodSpec { return &s.Spec.Template.Spec }
	return (&apidef.Resource[appsv1.StatefulSet, object]{
		Names: apidef.Names{
			Kind:       appsv1.SchemeGroupVersion.WithKind("StatefulSet"),
			Plural:     "statefulsets",
			Singular:   "statefulset",
			ShortNames: []string{"sts"},
			Categories: []string{"all"},
		},
		NewList:        func() runtime.Object { return &appsv1.StatefulSetList{} },
		Normalize:      rules.NormalizeStatefulSet,
		Default:        rules.SetStatefulSetDefaults,
		Validate:       rules.ValidateStatefulSet,
		ValidateUpdate: rules.ValidateStatefulSetUpdate,
		ValidateStatus: rules.ValidateStatefulSetStatusUpdate,
		Warnings:       rules.StatefulSetWarnings,
		Spec:           apidef.Field(func(s object) *appsv1.StatefulSetSpec { return &s.Spec }),
		Status:         apidef.Field(func(s object) *appsv1.StatefulSetStatus { return &s.Status }),
		Scale: &apidef.Scale[object]{
			Desired:  func(s object) *int32 { return s.Spec.Replicas },
			Observed: func(s object) int32 { return s.Status.Replicas },
			Selector: func(s object) string { return columns.Selector(s.Spec.Selector) },
		},
		Columns: []apidef.Column[object]{
			apidef.Name[object](),
			{Name: "Ready", Description: "Number of the pod with ready state",
				Value: func(s object) any { return fmt.Sprintf("%d/%d", s.Status.ReadyReplicas, columns.Int(s.Spec.Replicas)) }},
			apidef.Age[object](),
			columns.Containers(spec),
			columns.Images(spec),
		},
	}).Define()
}
