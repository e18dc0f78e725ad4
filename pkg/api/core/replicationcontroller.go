package core

import (
	"strconv"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/registry/rest"

	"github.com/proa-sh/proa/pkg/api/columns"
	"github.com/proa-sh/proa/staging/apidef"
	rules "github.com/proa-sh/proa/staging/apirules/core"
)

func replicationController() apidef.Definition {
	type object = *corev1.ReplicationController
	spec := func(c object) columns.PodSpec {
		if c.Spec.Template == nil {
			return &corev1.PodSpec{}
		}
		return &c.Spec.Template.Spec
	}
	status := corev1.ReplicationControllerStatus{}.SwaggerDoc()
	return (&apidef.Resource[corev1.ReplicationController, object]{
		Names: apidef.Names{
			Kind:          corev1.SchemeGroupVersion.WithKind("ReplicationController"),
			Plural:        "replicationcontrollers",
			Singular:      "replicationcontroller",
			ShortNames:    []string{"rc"},
			Categories:    []string{"all"},
			StoragePrefix: "controllers",
		},
		NewList:        func() runtime.Object { return &corev1.ReplicationControllerList{} },
		Normalize:      rules.NormalizeReplicationController,
		Default:        rules.SetReplicationControllerDefaults,
		Validate:       rules.ValidateReplicationController,
		ValidateUpdate: rules.ValidateReplicationControllerUpdate,
		ValidateStatus: rules.ValidateReplicationControllerStatusUpdate,
		Warnings:       rules.ReplicationControllerWarnings,
		Dependents:     rest.OrphanDependents,
		Spec:           apidef.Field(func(c object) *corev1.ReplicationControllerSpec { return &c.Spec }),
		Status:         apidef.Field(func(c object) *corev1.ReplicationControllerStatus { return &c.Status }),
		Scale: &apidef.Scale[object]{
			Desired:  func(c object) *int32 { return c.Spec.Replicas },
			Observed: func(c object) int32 { return c.Status.Replicas },
			Selector: func(c object) string { return labels.Set(c.Spec.Selector).AsSelectorPreValidated().String() },
		},
		Fields: map[string]func(object) string{
			"status.replicas": func(c object) string { return strconv.Itoa(int(c.Status.Replicas)) },
		},
		Columns: []apidef.Column[object]{
			apidef.Name[object](),
			{Name: "Desired", Type: "integer", Description: corev1.ReplicationControllerSpec{}.SwaggerDoc()["replicas"],
				Value: func(c object) any { return columns.Int(c.Spec.Replicas) }},
			{Name: "Current", Type: "integer", Description: status["replicas"], Value: func(c object) any { return int64(c.Status.Replicas) }},
			{Name: "Ready", Type: "integer", Description: status["readyReplicas"], Value: func(c object) any { return int64(c.Status.ReadyReplicas) }},
			apidef.Age[object](),
			columns.Containers(spec),
			columns.Images(spec),
			{Name: "Selector", Wide: true, Description: corev1.ReplicationControllerSpec{}.SwaggerDoc()["selector"],
				Value: func(c object) any { return labels.FormatLabels(c.Spec.Selector) }},
		},
	}).Define()
}
