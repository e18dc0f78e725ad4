package node

import (
	"testing"

	nodev1 "k8s.io/api/node/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/proa-sh/proa/staging/apirules/internal/rulestest"
)

func TestFuzz(t *testing.T) {
	rulestest.Fuzz(t, rulestest.Rules[nodev1.RuntimeClass]{Default: SetRuntimeClassDefaults, Validate: ValidateRuntimeClass, Warnings: RuntimeClassWarnings,
		Update: []func(_, _ *nodev1.RuntimeClass) field.ErrorList{ValidateRuntimeClassUpdate}})
}
