package apps

import (
	"strconv"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/proa-sh/proa/pkg/api/columns"
	"github.com/proa-sh/proa/staging/apidef"
	rules "github.com/proa-sh/proa/staging/apirules/apps"
)

func replicaSet() apidef.Definition {
	type object = *appsv1.ReplicaSet
	return (&apidef.Resource[appsv1.ReplicaSet, object]{
		Names: apidef.Names{
			Kind:       appsv1.SchemeGroupVersion.WithKind("ReplicaSet"),
			Plural:     "replicasets",
			Singular:   "replicaset",
			ShortNames: []string{"rs"},
			Categories: []string{"all"},
		},
		NewList:        func() runtime.Object { return &appsv1.ReplicaSetList{} },
		Normalize:      rules.NormalizeReplicaSet,
		Default:        rules.SetReplicaSetDefaults,
		Validate:       rules.ValidateReplicaSet,
		ValidateUpdate: rules.ValidateReplicaSetUpdate,
		ValidateStatus: rules.ValidateReplicaSetStatusUpdate,
		Warnings:       rules.ReplicaSetWarnings,
		Spec:           apidef.Field(func(r object) *appsv1.ReplicaSetSpec { return &r.Spec }),
		Status:         apidef.Field(func(r object) *appsv1.ReplicaSetStatus { return &r.Status }),
		Scale: &apidef.Scale[object]{
			Desired:  func(r object) *int32 { return r.Spec.Replicas },
			Observed: func(r object) int32 { return r.Status.Replicas },
			Selector: func(r object) string { return columns.Selector(r.Spec.Selector) },
		},
		Fields: map[string]func(object) string{
			"status.replicas": func(r object) string { return strconv.Itoa(int(r.Status.Replicas)) },
		},
		Columns: replicaSetColumns(),
	}).Define()
}

func replicaSetColumns() []apidef.Column[*appsv1.ReplicaSet] {
	type object = *appsv1.ReplicaSet
	doc := appsv1.ReplicaSetStatus{}.SwaggerDoc()
	spec := func(r object) columns.PodSpec { return &r.Spec.Template.Spec }
	return []apidef.Column[object]{
		apidef.Name[object](),
		{Name: "Desired", Type: "integer", Description: appsv1.ReplicaSetSpec{}.SwaggerDoc()["replicas"],
			Value: func(r object) any { return columns.Int(r.Spec.Replicas) }},
		{Name: "Current", Type: "integer", Description: doc["replicas"], Value: func(r object) any { return int64(r.Status.Replicas) }},
		{Name: "Ready", Type: "integer", Description: doc["readyReplicas"], Value: func(r object) any { return int64(r.Status.ReadyReplicas) }},
		apidef.Age[object](),
		columns.Containers(spec),
		columns.Images(spec),
		{Name: "Selector", Wide: true, Description: appsv1.ReplicaSetSpec{}.SwaggerDoc()["selector"],
			Value: func(r object) any { return metav1.FormatLabelSelector(r.Spec.Selector) }},
	}
}
