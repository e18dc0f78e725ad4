package apps

import (
	"strconv"

	appsv1 "k8s.io/api/apps/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/proa-sh/proa/pkg/api/columns"
	"github.com/proa-sh/proa/staging/apidef"
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
		NewList:       func() runtime.Object { return &appsv1.DaemonSetList{} },
		PrepareCreate: func(d object) { setTemplateGeneration(d, max(1, templateGeneration(d))) },
		PrepareUpdate: countTemplates,
		Spec:          apidef.Field(func(d object) *appsv1.DaemonSetSpec { return &d.Spec }),
		Status:        apidef.Field(func(d object) *appsv1.DaemonSetStatus { return &d.Status }),
		Columns:       daemonSetColumns(),
	}).Define()
}

// countTemplates counts the changes of the pod template in an annotation, which is what became of the field
// spec.templateGeneration of versions before v1.
func countTemplates(new, old *appsv1.DaemonSet) {
	generation := templateGeneration(old)
	if !apiequality.Semantic.DeepEqual(new.Spec.Template, old.Spec.Template) {
		generation++
	}
	setTemplateGeneration(new, generation)
}

func templateGeneration(d *appsv1.DaemonSet) int64 {
	n, err := strconv.ParseInt(d.Annotations[appsv1.DeprecatedTemplateGeneration], 10, 64)
	if err != nil {
		return 0 // validation has refused anything but a number or nothing
	}
	return n
}

func setTemplateGeneration(d *appsv1.DaemonSet, n int64) {
	metav1.SetMetaDataAnnotation(&d.ObjectMeta, appsv1.DeprecatedTemplateGeneration, strconv.FormatInt(n, 10))
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
