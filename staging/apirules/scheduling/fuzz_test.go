package scheduling

import (
	"testing"

	schedulingv1 "k8s.io/api/scheduling/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/proa-sh/proa/staging/apirules/internal/rulestest"
)

func TestFuzz(t *testing.T) {
	rulestest.Fuzz(t, rulestest.Rules[schedulingv1.PriorityClass]{Default: SetPriorityClassDefaults, Validate: ValidatePriorityClass,
		Update: []func(_, _ *schedulingv1.PriorityClass) field.ErrorList{ValidatePriorityClassUpdate}})
}
