package flowcontrol

import (
	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/proa-sh/proa/pkg/api/columns"
	"github.com/proa-sh/proa/staging/apidef"
	rules "github.com/proa-sh/proa/staging/apirules/flowcontrol"
)

func priorityLevel() apidef.Definition {
	type object = *flowcontrolv1.PriorityLevelConfiguration
	return (&apidef.Resource[flowcontrolv1.PriorityLevelConfiguration, object]{
		Names: apidef.Names{
			Kind:          flowcontrolv1.SchemeGroupVersion.WithKind("PriorityLevelConfiguration"),
			Plural:        "prioritylevelconfigurations",
			Singular:      "prioritylevelconfiguration",
			ClusterScoped: true,
		},
		NewList:           func() runtime.Object { return &flowcontrolv1.PriorityLevelConfigurationList{} },
		Default:           rules.SetPriorityLevelConfigurationDefaults,
		Validate:          rules.ValidatePriorityLevelConfiguration,
		ValidateUpdate:    rules.ValidatePriorityLevelConfigurationUpdate,
		ValidateStatus:    rules.ValidatePriorityLevelConfigurationStatusUpdate,
		ConditionalUpdate: true,
		Spec:              apidef.Field(func(l object) *flowcontrolv1.PriorityLevelConfigurationSpec { return &l.Spec }),
		Status:            apidef.Field(func(l object) *flowcontrolv1.PriorityLevelConfigurationStatus { return &l.Status }),
		StatusKeeps:       "metadata",
		Columns:           levelColumns(),
	}).Define()
}

func levelColumns() []apidef.Column[*flowcontrolv1.PriorityLevelConfiguration] {
	type object = *flowcontrolv1.PriorityLevelConfiguration
	doc := flowcontrolv1.QueuingConfiguration{}.SwaggerDoc()
	queuing := func(value func(*flowcontrolv1.QueuingConfiguration) int32) func(object) any {
		return func(l object) any {
			if l.Spec.Limited == nil || l.Spec.Limited.LimitResponse.Queuing == nil {
				return columns.None
			}
			return int64(value(l.Spec.Limited.LimitResponse.Queuing))
		}
	}
	return []apidef.Column[object]{
		apidef.Name[object](),
		{Name: "Type", Description: flowcontrolv1.PriorityLevelConfigurationSpec{}.SwaggerDoc()["type"], Value: func(l object) any { return string(l.Spec.Type) }},
		{Name: "NominalConcurrencyShares", Description: flowcontrolv1.LimitedPriorityLevelConfiguration{}.SwaggerDoc()["nominalConcurrencyShares"],
			Value: func(l object) any {
				if l.Spec.Limited == nil || l.Spec.Limited.NominalConcurrencyShares == nil {
					return columns.None
				}
				return int64(*l.Spec.Limited.NominalConcurrencyShares)
			}},
		{Name: "Queues", Description: doc["queues"], Value: queuing(func(q *flowcontrolv1.QueuingConfiguration) int32 { return q.Queues })},
		{Name: "HandSize", Description: doc["handSize"], Value: queuing(func(q *flowcontrolv1.QueuingConfiguration) int32 { return q.HandSize })},
		{Name: "QueueLengthLimit", Description: doc["queueLengthLimit"],
			Value: queuing(func(q *flowcontrolv1.QueuingConfiguration) int32 { return q.QueueLengthLimit })},
		apidef.Age[object](),
	}
}
