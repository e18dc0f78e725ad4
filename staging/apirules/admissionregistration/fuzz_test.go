package admissionregistration

import (
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/proa-sh/proa/staging/apirules/internal/rulestest"
)

func TestFuzz(t *testing.T) {
	rulestest.Fuzz(t, rulestest.Rules[admissionv1.ValidatingWebhookConfiguration]{Default: SetValidatingWebhookConfigurationDefaults, Validate: ValidateValidatingWebhookConfiguration,
		Update: []func(_, _ *admissionv1.ValidatingWebhookConfiguration) field.ErrorList{ValidateValidatingWebhookConfigurationUpdate}})
	rulestest.Fuzz(t, rulestest.Rules[admissionv1.MutatingWebhookConfiguration]{Default: SetMutatingWebhookConfigurationDefaults, Validate: ValidateMutatingWebhookConfiguration,
		Update: []func(_, _ *admissionv1.MutatingWebhookConfiguration) field.ErrorList{ValidateMutatingWebhookConfigurationUpdate}})
	rulestest.Fuzz(t, rulestest.Rules[admissionv1.ValidatingAdmissionPolicy]{Default: SetValidatingAdmissionPolicyDefaults, Validate: ValidateValidatingAdmissionPolicy,
		Update: []func(_, _ *admissionv1.ValidatingAdmissionPolicy) field.ErrorList{ValidateValidatingAdmissionPolicyUpdate, ValidateValidatingAdmissionPolicyStatusUpdate}})
	rulestest.Fuzz(t, rulestest.Rules[admissionv1.MutatingAdmissionPolicy]{Default: SetMutatingAdmissionPolicyDefaults, Validate: ValidateMutatingAdmissionPolicy,
		Update: []func(_, _ *admissionv1.MutatingAdmissionPolicy) field.ErrorList{ValidateMutatingAdmissionPolicyUpdate}})
	rulestest.Fuzz(t, rulestest.Rules[admissionv1.ValidatingAdmissionPolicyBinding]{Default: SetValidatingAdmissionPolicyBindingDefaults, Validate: ValidateValidatingAdmissionPolicyBinding,
		Update: []func(_, _ *admissionv1.ValidatingAdmissionPolicyBinding) field.ErrorList{ValidateValidatingAdmissionPolicyBindingUpdate}})
	rulestest.Fuzz(t, rulestest.Rules[admissionv1.MutatingAdmissionPolicyBinding]{Default: SetMutatingAdmissionPolicyBindingDefaults, Validate: ValidateMutatingAdmissionPolicyBinding,
		Update: []func(_, _ *admissionv1.MutatingAdmissionPolicyBinding) field.ErrorList{ValidateMutatingAdmissionPolicyBindingUpdate}})
}
