package apps

import (
	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/proa-sh/proa/pkg/api/columns"
	"github.com/proa-sh/proa/staging/apidef"
	rules "github.com/proa-sh/proa/staging/apirules/apps"
)

func daemonSet() apidef.Definition {
	type object = *appsv1.DaemonSet
	return (&apidef.Resource[appsv1.DaemonSet, object]{
		Names: apidef.Names{
			Kind:       appsv1.SchemeGroupVersion.WithKind("DaemonSet"),
			Plural:     "daemonsets",
			Singular:   "daemonset",
			ShortNames: []string{"ds"},
			Categories: []string{"all"},
		},
		NewList:        func() runtime.Object { return &appsv1.DaemonSetList{} },
		Normalize:      rules.NormalizeDaemonSet,
		Default:        rules.SetDaemonSetDefaults,
		Validate:       rules.ValidateDaemonSet,
		ValidateUpdate: rules.ValidateDaemonSetUpdate,
		ValidateStatus: rules.ValidateDaemonSetStatusUpdate,
		Warnings:       rules.DaemonSetWarnings,
		PrepareCreate:  func(d object) { rules.PrepareDaemonSet(d, nil) },
		PrepareUpdate:  rules.PrepareDaemonSet,
		Spec:           apidef.Field(func(d object) *appsv1.DaemonSetSpec { return &d.Spec }),
		Status:         apidef.Field(func(d object) *appsv1.DaemonSetStatus { return &d.Status }),
		Columns:        daemonSetColumns(),
	}).Define()
}

func daemonSetColumns() []apidef.Column[*appsv1.DaemonSet] {
	type object = *appsv1.DaemonSet
	doc := appsv1.DaemonSetStatus{}.SwaggerDoc()
	spec := func(d object) columns.PodSpec { return &d.Spec.Template.Spec }
	return []apidef.Column[object]{
		apidef.Name[object](),
		{Name: "Desired", Type: "integer", Description: doc["desiredNumberScheduled"],
			Value: func(d object) any { return int64(d.Status.DesiredNumberScheduled) }},
		{Name: "Current", Type: "integer", Description: doc["currentNumberScheduled"],
			Value: func(d object) any { return int64(d.Status.CurrentNumberScheduled) }},
		{Name: "Ready", Type: "integer", Description: doc["numberReady"], Value: func(d object) any { return int64(d.Status.NumberReady) }},
		{Name: "Up-to-date", Type: "integer", Description: doc["updatedNumberScheduled"],
			Value: func(d object) any { return int64(d.Status.UpdatedNumberScheduled) }},
		{Name: "Available", Type: "integer", Description: doc["numberAvailable"],
			Value: func(d object) any { return int64(d.Status.NumberAvailable) }},
		{Name: "Node Selector", Description: "Labels that a node must have to run the pods",
			Value: func(d object) any { return labels.FormatLabels(d.Spec.Template.Spec.NodeSelector) }},
		apidef.Age[object](),
		columns.Containers(spec),
		columns.Images(spec),
		{Name: "Selector", Wide: true, Description: appsv1.DaemonSetSpec{}.SwaggerDoc()["selector"],
			Value: func(d object) any { return metav1.FormatLabelSelector(d.Spec.Selector) }},
	}
}
