package autoscaling

import (
	"testing"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/proa-sh/proa/staging/apirules/internal/rulestest"
)

func TestFuzz(t *testing.T) {
	rulestest.Fuzz(t, rulestest.Rules[autoscalingv2.HorizontalPodAutoscaler]{Default: SetHorizontalPodAutoscalerDefaults, Validate: ValidateHorizontalPodAutoscaler,
		Update: []func(_, _ *autoscalingv2.HorizontalPodAutoscaler) field.ErrorList{ValidateHorizontalPodAutoscalerUpdate, ValidateHorizontalPodAutoscalerStatusUpdate}})
}
