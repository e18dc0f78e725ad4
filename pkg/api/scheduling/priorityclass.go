package scheduling

import (
	schedulingv1 "k8s.io/api/scheduling/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/proa-sh/proa/pkg/api/columns"
	"github.com/proa-sh/proa/staging/apidef"
	rules "github.com/proa-sh/proa/staging/apirules/scheduling"
)

func priorityClass() apidef.Definition {
	type object = *schedulingv1.PriorityClass
	doc := schedulingv1.PriorityClass{}.SwaggerDoc()
	return (&apidef.Resource[schedulingv1.PriorityClass, object]{
		Names: apidef.Names{
			Kind:          schedulingv1.SchemeGroupVersion.WithKind("PriorityClass"),
			Plural:        "priorityclasses",
			Singular:      "priorityclass",
			ShortNames:    []string{"pc"},
			ClusterScoped: true,
		},
		NewList:        func() runtime.Object { return &schedulingv1.PriorityClassList{} },
		Default:        rules.SetPriorityClassDefaults,
		Validate:       rules.ValidatePriorityClass,
		ValidateUpdate: rules.ValidatePriorityClassUpdate,
		// The value never changes, so the generation stays 1.
		Spec: apidef.Field(func(c object) *int32 { return &c.Value }),
		Columns: []apidef.Column[object]{
			apidef.Name[object](),
			{Name: "Value", Type: "integer", Description: doc["value"], Value: func(c object) any { return int64(c.Value) }},
			{Name: "Global-Default", Type: "boolean", Description: doc["globalDefault"], Value: func(c object) any { return c.GlobalDefault }},
			apidef.Age[object](),
			{Name: "PreemptionPolicy", Description: doc["preemptionPolicy"],
				Value: func(c object) any { return columns.Deref(c.PreemptionPolicy, columns.Unset) }},
		},
	}).Define()
}
