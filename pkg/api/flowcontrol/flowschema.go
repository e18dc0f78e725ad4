package flowcontrol

import (
	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/proa-sh/proa/pkg/api/columns"
	"github.com/proa-sh/proa/staging/apidef"
	rules "github.com/proa-sh/proa/staging/apirules/flowcontrol"
)

func flowSchema() apidef.Definition {
	type object = *flowcontrolv1.FlowSchema
	doc := flowcontrolv1.FlowSchemaSpec{}.SwaggerDoc()
	return (&apidef.Resource[flowcontrolv1.FlowSchema, object]{
		Names: apidef.Names{
			Kind:          flowcontrolv1.SchemeGroupVersion.WithKind("FlowSchema"),
			Plural:        "flowschemas",
			Singular:      "flowschema",
			ClusterScoped: true,
		},
		NewList:           func() runtime.Object { return &flowcontrolv1.FlowSchemaList{} },
		Default:           rules.SetFlowSchemaDefaults,
		Validate:          rules.ValidateFlowSchema,
		ValidateUpdate:    rules.ValidateFlowSchemaUpdate,
		ValidateStatus:    rules.ValidateFlowSchemaStatusUpdate,
		ConditionalUpdate: true,
		Spec:              apidef.Field(func(s object) *flowcontrolv1.FlowSchemaSpec { return &s.Spec }),
		Status:            apidef.Field(func(s object) *flowcontrolv1.FlowSchemaStatus { return &s.Status }),
		StatusKeeps:       "metadata",
		Columns: []apidef.Column[object]{
			apidef.Name[object](),
			{Name: "PriorityLevel", Description: doc["priorityLevelConfiguration"],
				Value: func(s object) any { return columns.Or(s.Spec.PriorityLevelConfiguration.Name, columns.None) }},
			{Name: "MatchingPrecedence", Description: doc["matchingPrecedence"], Value: func(s object) any { return int64(s.Spec.MatchingPrecedence) }},
			{Name: "DistinguisherMethod", Description: doc["distinguisherMethod"], Value: func(s object) any {
				if s.Spec.DistinguisherMethod == nil {
					return columns.None
				}
				return string(s.Spec.DistinguisherMethod.Type)
			}},
			apidef.Age[object](),
			{Name: "MissingPL", Description: "references a broken or non-existent PriorityLevelConfiguration", Value: func(s object) any { return danglingCell(s) }},
		},
	}).Define()
}

func danglingCell(s *flowcontrolv1.FlowSchema) string {
	for _, c := range s.Status.Conditions {
		if c.Type == flowcontrolv1.FlowSchemaConditionDangling {
			return string(c.Status)
		}
	}
	return "?"
}
