package discovery

import (
	"testing"

	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/proa-sh/proa/staging/apirules/internal/rulestest"
)

func TestFuzz(t *testing.T) {
	rulestest.Fuzz(t, rulestest.Rules[discoveryv1.EndpointSlice]{Default: SetEndpointSliceDefaults, Validate: ValidateEndpointSlice, Warnings: EndpointSliceWarnings,
		Update: []func(_, _ *discoveryv1.EndpointSlice) field.ErrorList{ValidateEndpointSliceUpdate}})
}
