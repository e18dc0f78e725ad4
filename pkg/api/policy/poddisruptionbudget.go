package policy

import (
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/proa-sh/proa/staging/apidef"
	rules "github.com/proa-sh/proa/staging/apirules/policy"
)

func podDisruptionBudget() apidef.Definition {
	type object = *policyv1.PodDisruptionBudget
	doc := policyv1.PodDisruptionBudgetSpec{}.SwaggerDoc()
	return (&apidef.Resource[policyv1.PodDisruptionBudget, object]{
		Names: apidef.Names{
			Kind:       policyv1.SchemeGroupVersion.WithKind("PodDisruptionBudget"),
			Plural:     "poddisruptionbudgets",
			Singular:   "poddisruptionbudget",
			ShortNames: []string{"pdb"},
		},
		NewList:           func() runtime.Object { return &policyv1.PodDisruptionBudgetList{} },
		Validate:          rules.ValidatePodDisruptionBudget,
		ValidateUpdate:    rules.ValidatePodDisruptionBudgetUpdate,
		ValidateStatus:    rules.ValidatePodDisruptionBudgetStatusUpdate,
		ConditionalUpdate: true,
		Spec:              apidef.Field(func(b object) *policyv1.PodDisruptionBudgetSpec { return &b.Spec }),
		Status:            apidef.Field(func(b object) *policyv1.PodDisruptionBudgetStatus { return &b.Status }),
		Columns: []apidef.Column[object]{
			apidef.Name[object](),
			{Name: "Min Available", Description: doc["minAvailable"], Value: func(b object) any { return boundCell(b.Spec.MinAvailable) }},
			{Name: "Max Unavailable", Description: doc["maxUnavailable"], Value: func(b object) any { return boundCell(b.Spec.MaxUnavailable) }},
			{Name: "Allowed Disruptions", Type: "integer", Description: policyv1.PodDisruptionBudgetStatus{}.SwaggerDoc()["disruptionsAllowed"],
				Value: func(b object) any { return int64(b.Status.DisruptionsAllowed) }},
			apidef.Age[object](),
		},
	}).Define()
}

func boundCell(n *intstr.IntOrString) string {
	if n == nil {
		return "N/A"
	}
	return n.String()
}
