package flowcontrol

import (
	"testing"

	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/proa-sh/proa/staging/apirules/internal/rulestest"
)

func TestFuzz(t *testing.T) {
	rulestest.Fuzz(t, rulestest.Rules[flowcontrolv1.FlowSchema]{Default: SetFlowSchemaDefaults, Validate: ValidateFlowSchema,
		Update: []func(_, _ *flowcontrolv1.FlowSchema) field.ErrorList{ValidateFlowSchemaUpdate, ValidateFlowSchemaStatusUpdate}})
	rulestest.Fuzz(t, rulestest.Rules[flowcontrolv1.PriorityLevelConfiguration]{Default: SetPriorityLevelConfigurationDefaults, Validate: ValidatePriorityLevelConfiguration,
		Update: []func(_, _ *flowcontrolv1.PriorityLevelConfiguration) field.ErrorList{ValidatePriorityLevelConfigurationUpdate, ValidatePriorityLevelConfigurationStatusUpdate}})
}
