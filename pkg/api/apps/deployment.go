package apps

import (
	"fmt"
	"maps"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/proa-sh/proa/pkg/api/columns"
	"github.com/proa-sh/proa/staging/apidef"
	rules "github.com/proa-sh/proa/staging/apirules/apps"
)

func deployment() apidef.Definition {
	type object = *appsv1.Deployment
	return (&apidef.Resource[appsv1.Deployment, object]{
		Names: apidef.Names{
			Kind:       appsv1.SchemeGroupVersion.WithKind("Deployment"),
			Plural:     "deployments",
			Singular:   "deployment",
			ShortNames: []string{"deploy"},
			Categories: []string{"all"},
		},
		NewList:        func() runtime.Object { return &appsv1.DeploymentList{} },
		Normalize:      rules.NormalizeDeployment,
		Default:        rules.SetDeploymentDefaults,
		Validate:       rules.ValidateDeployment,
		ValidateUpdate: rules.ValidateDeploymentUpdate,
		ValidateStatus: rules.ValidateDeploymentStatusUpdate,
		Warnings:       rules.DeploymentWarnings,
		Spec:           apidef.Field(func(d object) *appsv1.DeploymentSpec { return &d.Spec }),
		// The controller copies annotations to replica sets, so it has to see that they have changed.
		Counts:      func(new, old object) bool { return !maps.Equal(new.Annotations, old.Annotations) },
		Status:      apidef.Field(func(d object) *appsv1.DeploymentStatus { return &d.Status }),
		StatusKeeps: "metadata.labels",
		Scale: &apidef.Scale[object]{
			Desired:  func(d object) *int32 { return d.Spec.Replicas },
			Observed: func(d object) int32 { return d.Status.Replicas },
			Selector: func(d object) string { return columns.Selector(d.Spec.Selector) },
		},
		Columns: deploymentColumns(),
	}).Define()
}

func deploymentColumns() []apidef.Column[*appsv1.Deployment] {
	type object = *appsv1.Deployment
	doc := appsv1.DeploymentStatus{}.SwaggerDoc()
	spec := func(d object) columns.PodSpec { return &d.Spec.Template.Spec }
	return []apidef.Column[object]{
		apidef.Name[object](),
		{Name: "Ready", Description: "Number of the pod with ready state",
			Value: func(d object) any { return fmt.Sprintf("%d/%d", d.Status.ReadyReplicas, columns.Int(d.Spec.Replicas)) }},
		{Name: "Up-to-date", Description: doc["updatedReplicas"], Value: func(d object) any { return int64(d.Status.UpdatedReplicas) }},
		{Name: "Available", Description: doc["availableReplicas"], Value: func(d object) any { return int64(d.Status.AvailableReplicas) }},
		apidef.Age[object](),
		columns.Containers(spec),
		columns.Images(spec),
		{Name: "Selector", Wide: true, Description: appsv1.DeploymentSpec{}.SwaggerDoc()["selector"],
			Value: func(d object) any { return metav1.FormatLabelSelector(d.Spec.Selector) }},
	}
}
