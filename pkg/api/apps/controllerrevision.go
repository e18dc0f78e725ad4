package apps

import (
	"fmt"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/proa-sh/proa/pkg/api/columns"
	"github.com/proa-sh/proa/staging/apidef"
	rules "github.com/proa-sh/proa/staging/apirules/apps"
)

func controllerRevision() apidef.Definition {
	type object = *appsv1.ControllerRevision
	return (&apidef.Resource[appsv1.ControllerRevision, object]{
		Names: apidef.Names{
			Kind:     appsv1.SchemeGroupVersion.WithKind("ControllerRevision"),
			Plural:   "controllerrevisions",
			Singular: "controllerrevision",
		},
		NewList:        func() runtime.Object { return &appsv1.ControllerRevisionList{} },
		Validate:       rules.ValidateControllerRevision,
		ValidateUpdate: rules.ValidateControllerRevisionUpdate,
		Columns: []apidef.Column[object]{
			apidef.Name[object](),
			{Name: "Controller", Description: "Controller of the object", Value: func(r object) any { return controllerCell(r) }},
			{Name: "Revision", Description: appsv1.ControllerRevision{}.SwaggerDoc()["revision"], Value: func(r object) any { return r.Revision }},
			apidef.Age[object](),
		},
	}).Define()
}

// controllerCell names the controller as kubectl takes it: statefulset.apps/web.
func controllerCell(o metav1.Object) string {
	c := metav1.GetControllerOf(o)
	if c == nil {
		return columns.None
	}
	kind := schema.FromAPIVersionAndKind(c.APIVersion, c.Kind).GroupKind().String()
	return fmt.Sprintf("%s/%s", strings.ToLower(kind), c.Name)
}
