package admissionregistration

import (
	admissionv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Defaults of webhooks.
const (
	defaultTimeout     = 10 // seconds
	defaultWebhookPort = 443
)

// SetValidatingWebhookConfigurationDefaults fills what webhooks leave unset.
func SetValidatingWebhookConfigurationDefaults(c *admissionv1.ValidatingWebhookConfiguration) {
	for i := range c.Webhooks {
		w := &c.Webhooks[i]
		orElse(&w.FailurePolicy, admissionv1.Fail)
		orElse(&w.MatchPolicy, admissionv1.Equivalent)
		orElse(&w.NamespaceSelector, metav1.LabelSelector{})
		orElse(&w.ObjectSelector, metav1.LabelSelector{})
		orElse(&w.TimeoutSeconds, defaultTimeout)
		setClientDefaults(&w.ClientConfig)
		setRuleDefaults(w.Rules)
	}
}

// SetMutatingWebhookConfigurationDefaults fills what webhooks leave unset.
func SetMutatingWebhookConfigurationDefaults(c *admissionv1.MutatingWebhookConfiguration) {
	for i := range c.Webhooks {
		w := &c.Webhooks[i]
		orElse(&w.FailurePolicy, admissionv1.Fail)
		orElse(&w.MatchPolicy, admissionv1.Equivalent)
		orElse(&w.NamespaceSelector, metav1.LabelSelector{})
		orElse(&w.ObjectSelector, metav1.LabelSelector{})
		orElse(&w.TimeoutSeconds, defaultTimeout)
		orElse(&w.ReinvocationPolicy, admissionv1.NeverReinvocationPolicy)
		setClientDefaults(&w.ClientConfig)
		setRuleDefaults(w.Rules)
	}
}

func setClientDefaults(c *admissionv1.WebhookClientConfig) {
	if c.Service != nil {
		orElse(&c.Service.Port, defaultWebhookPort)
	}
}

func setRuleDefaults(rules []admissionv1.RuleWithOperations) {
	for i := range rules {
		orElse(&rules[i].Scope, admissionv1.AllScopes)
	}
}

// SetValidatingAdmissionPolicyDefaults fills what a policy leaves unset.
func SetValidatingAdmissionPolicyDefaults(p *admissionv1.ValidatingAdmissionPolicy) {
	orElse(&p.Spec.FailurePolicy, admissionv1.Fail)
	setMatchDefaults(p.Spec.MatchConstraints)
}

// SetValidatingAdmissionPolicyBindingDefaults fills what a binding leaves unset.
func SetValidatingAdmissionPolicyBindingDefaults(b *admissionv1.ValidatingAdmissionPolicyBinding) {
	setMatchDefaults(b.Spec.MatchResources)
}

// SetMutatingAdmissionPolicyDefaults fills what a policy leaves unset.
func SetMutatingAdmissionPolicyDefaults(p *admissionv1.MutatingAdmissionPolicy) {
	orElse(&p.Spec.FailurePolicy, admissionv1.Fail)
	setMatchDefaults(p.Spec.MatchConstraints)
}

// SetMutatingAdmissionPolicyBindingDefaults fills what a binding leaves unset.
func SetMutatingAdmissionPolicyBindingDefaults(b *admissionv1.MutatingAdmissionPolicyBinding) {
	setMatchDefaults(b.Spec.MatchResources)
}

func setMatchDefaults(m *admissionv1.MatchResources) {
	if m == nil {
		return
	}
	orElse(&m.MatchPolicy, admissionv1.Equivalent)
	orElse(&m.NamespaceSelector, metav1.LabelSelector{})
	orElse(&m.ObjectSelector, metav1.LabelSelector{})
	for i := range m.ResourceRules {
		orElse(&m.ResourceRules[i].Scope, admissionv1.AllScopes)
	}
	for i := range m.ExcludeResourceRules {
		orElse(&m.ExcludeResourceRules[i].Scope, admissionv1.AllScopes)
	}
}

func orElse[T any](field **T, value T) {
	if *field == nil {
		*field = &value
	}
}
