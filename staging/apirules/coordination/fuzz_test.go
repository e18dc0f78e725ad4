package coordination

import (
	"testing"

	coordinationv1 "k8s.io/api/coordination/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/proa-sh/proa/staging/apirules/internal/rulestest"
)

func TestFuzz(t *testing.T) {
	rulestest.Fuzz(t, rulestest.Rules[coordinationv1.Lease]{Validate: ValidateLease,
		Update: []func(_, _ *coordinationv1.Lease) field.ErrorList{ValidateLeaseUpdate}})
}
