package policy

import (
	"testing"

	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/proa-sh/proa/staging/apirules/internal/rulestest"
)

func TestFuzz(t *testing.T) {
	rulestest.Fuzz(t, rulestest.Rules[policyv1.PodDisruptionBudget]{Validate: ValidatePodDisruptionBudget,
		Update: []func(_, _ *policyv1.PodDisruptionBudget) field.ErrorList{ValidatePodDisruptionBudgetUpdate, ValidatePodDisruptionBudgetStatusUpdate}})
}
