package admissionregistration

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/proa-sh/proa/staging/apirules/internal/rulestest"
)

var (
	invalid      = rulestest.Invalid
	required     = rulestest.Required
	notSupported = rulestest.NotSupported
	forbidden    = rulestest.Forbidden
	duplicate    = rulestest.Duplicate
)

func objectMeta() metav1.ObjectMeta { return metav1.ObjectMeta{Name: "x", ResourceVersion: "1"} }

func pods() admissionv1.RuleWithOperations {
	return admissionv1.RuleWithOperations{Operations: []admissionv1.OperationType{"CREATE"},
		Rule: admissionv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"pods"}}}
}

type webhooks = admissionv1.MutatingWebhookConfiguration

func validWebhooks() *webhooks {
	c := &webhooks{ObjectMeta: objectMeta(), Webhooks: []admissionv1.MutatingWebhook{{Name: "a.b.c", AdmissionReviewVersions: []string{"v1"}, Rules: []admissionv1.RuleWithOperations{pods()},
		SideEffects: ptr.To(admissionv1.SideEffectClassNone), ClientConfig: admissionv1.WebhookClientConfig{Service: &admissionv1.ServiceReference{Name: "s", Namespace: "ns"}}}}}
	SetMutatingWebhookConfigurationDefaults(c)
	return c
}

func TestWebhooks(t *testing.T) {
	w := validWebhooks().Webhooks[0]
	got := []any{*w.FailurePolicy, *w.MatchPolicy, *w.TimeoutSeconds, *w.ReinvocationPolicy, *w.Rules[0].Scope, *w.ClientConfig.Service.Port, *w.NamespaceSelector}
	want := []any{admissionv1.Fail, admissionv1.Equivalent, int32(10), admissionv1.NeverReinvocationPolicy, admissionv1.AllScopes, int32(443), metav1.LabelSelector{}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("defaults differ (-want +got):\n%s", diff)
	}
	hook := func(change func(*admissionv1.MutatingWebhook)) func(*webhooks) {
		return func(c *webhooks) { change(&c.Webhooks[0]) }
	}
	const p = "webhooks[0]."
	rulestest.Cases(t, validWebhooks, ValidateMutatingWebhookConfiguration, []rulestest.Case[webhooks]{
		{Name: "name", Change: hook(func(w *admissionv1.MutatingWebhook) { w.Name = "a" }), Want: []string{invalid(p + "name")}},
		{Name: "twice", Change: func(c *webhooks) { c.Webhooks = append(c.Webhooks, c.Webhooks[0]) }, Want: []string{duplicate("webhooks[1].name")}},
		{Name: "versions", Change: hook(func(w *admissionv1.MutatingWebhook) { w.AdmissionReviewVersions = []string{"v2"} }), Want: []string{invalid(p + "admissionReviewVersions")}},
		{Name: "no versions", Change: hook(func(w *admissionv1.MutatingWebhook) { w.AdmissionReviewVersions = nil }), Want: []string{required(p + "admissionReviewVersions")}},
		{Name: "side effects", Change: hook(func(w *admissionv1.MutatingWebhook) { w.SideEffects = ptr.To(admissionv1.SideEffectClassSome) }), Want: []string{notSupported(p + "sideEffects")}},
		{Name: "no side effects", Change: hook(func(w *admissionv1.MutatingWebhook) { w.SideEffects = nil }), Want: []string{required(p + "sideEffects")}},
		{Name: "policies", Change: hook(func(w *admissionv1.MutatingWebhook) {
			w.FailurePolicy, w.MatchPolicy, w.ReinvocationPolicy, w.TimeoutSeconds = ptr.To(admissionv1.FailurePolicyType("x")), ptr.To(admissionv1.MatchPolicyType("x")), ptr.To(admissionv1.ReinvocationPolicyType("x")), ptr.To[int32](31)
		}), Want: []string{notSupported(p + "failurePolicy"), notSupported(p + "matchPolicy"), notSupported(p + "reinvocationPolicy"), invalid(p + "timeoutSeconds")}},
		{Name: "client", Change: hook(func(w *admissionv1.MutatingWebhook) { w.ClientConfig.URL = ptr.To("https://a") }), Want: []string{required(p + "clientConfig")}},
		{Name: "url", Change: hook(func(w *admissionv1.MutatingWebhook) {
			w.ClientConfig = admissionv1.WebhookClientConfig{URL: ptr.To("http://u@a/?q#f")}
		}), Want: []string{invalid(p + "clientConfig.url")}},
		{Name: "service", Change: hook(func(w *admissionv1.MutatingWebhook) {
			w.ClientConfig.Service = &admissionv1.ServiceReference{Path: ptr.To("/a//b"), Port: ptr.To[int32](0)}
		}), Want: []string{required(p + "clientConfig.service.name"), required(p + "clientConfig.service.namespace"), invalid(p + "clientConfig.service.path"), invalid(p + "clientConfig.service.port")}},
		{Name: "path of the root", Change: hook(func(w *admissionv1.MutatingWebhook) { w.ClientConfig.Service.Path = ptr.To("") })},
		{Name: "rule", Change: hook(func(w *admissionv1.MutatingWebhook) {
			w.Rules[0] = admissionv1.RuleWithOperations{Operations: []admissionv1.OperationType{"*", "x"}, Rule: admissionv1.Rule{APIGroups: []string{"*", "a"}, APIVersions: []string{""}, Resources: []string{"pods/*", "pods/log"}, Scope: ptr.To(admissionv1.ScopeType("x"))}}
		}), Want: []string{invalid(p + "rules[0].apiGroups"), required(p + "rules[0].apiVersions[0]"), invalid(p + "rules[0].operations"), notSupported(p + "rules[0].operations[1]"), invalid(p + "rules[0].resources[1]"), notSupported(p + "rules[0].scope")}},
		{Name: "conditions", Change: hook(func(w *admissionv1.MutatingWebhook) {
			w.MatchConditions = []admissionv1.MatchCondition{{Name: "a", Expression: "true"}, {Name: "a"}, {Expression: "true"}}
		}),
			Want: []string{duplicate(p + "matchConditions[1].name"), required(p + "matchConditions[1].expression"), required(p + "matchConditions[2].name")}},
	})
}

func TestExpressionsAreCompiled(t *testing.T) {
	rules := Rules{NewCompiler: func() Compiler {
		return func(e Expression) error {
			if e.Use != MatchCondition || e.Params || e.Mutating {
				t.Errorf("compiled as %+v", e)
			}
			if e.Text == "bad" {
				return errors.New("compilation failed")
			}
			return nil
		}
	}}
	c := validWebhooks()
	c.Webhooks[0].MatchConditions = []admissionv1.MatchCondition{{Name: "a", Expression: "bad"}, {Name: "b", Expression: "good"}}
	errs := rules.ValidateMutatingWebhookConfiguration(c)
	rulestest.Check(t, errs, invalid("webhooks[0].matchConditions[0].expression"))
	rulestest.Message(t, errs, `webhooks[0].matchConditions[0].expression: Invalid value: "bad": compilation failed`)
	rulestest.Check(t, rules.ValidateMutatingWebhookConfigurationUpdate(c, c)) // stored ones stay
}

func matching() *admissionv1.MatchResources {
	return &admissionv1.MatchResources{ResourceRules: []admissionv1.NamedRuleWithOperations{{RuleWithOperations: pods()}}}
}

type policy = admissionv1.ValidatingAdmissionPolicy

func TestValidatingPolicies(t *testing.T) {
	valid := func() *policy {
		p := &policy{ObjectMeta: objectMeta(), Spec: admissionv1.ValidatingAdmissionPolicySpec{MatchConstraints: matching(), Validations: []admissionv1.Validation{{Expression: "true"}}}}
		SetValidatingAdmissionPolicyDefaults(p)
		return p
	}
	rulestest.Cases(t, valid, ValidateValidatingAdmissionPolicy, []rulestest.Case[policy]{
		{Name: "empty", Change: func(p *policy) { p.Spec = admissionv1.ValidatingAdmissionPolicySpec{} },
			Want: []string{required("spec.failurePolicy"), required("spec.matchConstraints"), required("spec.validations"), required("spec.auditAnnotations")}},
		{Name: "no rules", Change: func(p *policy) { p.Spec.MatchConstraints.ResourceRules = nil }, Want: []string{required("spec.matchConstraints.resourceRules")}},
		{Name: "parameters", Change: func(p *policy) { p.Spec.ParamKind = &admissionv1.ParamKind{APIVersion: "a/b/c"} }, Want: []string{invalid("spec.paramKind.apiVersion"), required("spec.paramKind.kind")}},
		{Name: "validation", Change: func(p *policy) {
			p.Spec.Validations = []admissionv1.Validation{{Message: " ", MessageExpression: " ", Reason: ptr.To(metav1.StatusReason("x"))}, {Expression: "a\n&& b"}}
		}, Want: []string{required("spec.validations[0].expression"), invalid("spec.validations[0].message"), invalid("spec.validations[0].messageExpression"), notSupported("spec.validations[0].reason"), required("spec.validations[1].message")}},
		{Name: "variables", Change: func(p *policy) {
			p.Spec.Variables = []admissionv1.Variable{{Name: "a", Expression: "1"}, {Name: "a"}, {Name: "a-b", Expression: "1"}, {}}
		},
			Want: []string{duplicate("spec.variables[1].name"), required("spec.variables[1].expression"), invalid("spec.variables[2].name"), required("spec.variables[3].name"), required("spec.variables[3].expression")}},
		{Name: "annotations", Change: func(p *policy) {
			p.Spec.AuditAnnotations = []admissionv1.AuditAnnotation{{Key: "a", ValueExpression: "1"}, {Key: "a"}, {Key: "/", ValueExpression: "1"}}
		},
			Want: []string{duplicate("spec.auditAnnotations[1].key"), required("spec.auditAnnotations[1].valueExpression"), invalid("spec.auditAnnotations[2].key")}},
	})
}

func TestMutatingPolicies(t *testing.T) {
	valid := func() *admissionv1.MutatingAdmissionPolicy {
		p := &admissionv1.MutatingAdmissionPolicy{ObjectMeta: objectMeta(), Spec: admissionv1.MutatingAdmissionPolicySpec{MatchConstraints: matching(), ReinvocationPolicy: admissionv1.NeverReinvocationPolicy,
			Mutations: []admissionv1.Mutation{{PatchType: admissionv1.PatchTypeJSONPatch, JSONPatch: &admissionv1.JSONPatch{Expression: "[]"}}}}}
		SetMutatingAdmissionPolicyDefaults(p)
		return p
	}
	const m = "spec.mutations[0]."
	rulestest.Cases(t, valid, ValidateMutatingAdmissionPolicy, []rulestest.Case[admissionv1.MutatingAdmissionPolicy]{
		{Name: "no mutations", Change: func(p *admissionv1.MutatingAdmissionPolicy) { p.Spec.Mutations, p.Spec.ReinvocationPolicy = nil, "" }, Want: []string{required("spec.mutations"), required("spec.reinvocationPolicy")}},
		{Name: "other patch", Change: func(p *admissionv1.MutatingAdmissionPolicy) {
			p.Spec.Mutations[0].PatchType = admissionv1.PatchTypeApplyConfiguration
		}, Want: []string{required(m + "applyConfiguration"), invalid(m + "jsonPatch")}},
		{Name: "no type", Change: func(p *admissionv1.MutatingAdmissionPolicy) { p.Spec.Mutations[0].PatchType = "" }, Want: []string{required(m + "patchType")}},
	})
}

func TestPolicyBindings(t *testing.T) {
	valid := func() *admissionv1.ValidatingAdmissionPolicyBinding {
		b := &admissionv1.ValidatingAdmissionPolicyBinding{ObjectMeta: objectMeta(), Spec: admissionv1.ValidatingAdmissionPolicyBindingSpec{PolicyName: "p", ValidationActions: []admissionv1.ValidationAction{"Deny"}, MatchResources: &admissionv1.MatchResources{}}}
		SetValidatingAdmissionPolicyBindingDefaults(b)
		return b
	}
	rulestest.Cases(t, valid, ValidateValidatingAdmissionPolicyBinding, []rulestest.Case[admissionv1.ValidatingAdmissionPolicyBinding]{
		{Name: "empty", Change: func(b *admissionv1.ValidatingAdmissionPolicyBinding) {
			b.Spec = admissionv1.ValidatingAdmissionPolicyBindingSpec{}
		}, Want: []string{required("spec.policyName"), required("spec.validationActions")}},
		{Name: "actions", Change: func(b *admissionv1.ValidatingAdmissionPolicyBinding) {
			b.Spec.ValidationActions = []admissionv1.ValidationAction{"Deny", "Warn", "Warn", "x"}
		},
			Want: []string{invalid("spec.validationActions"), duplicate("spec.validationActions[2]"), notSupported("spec.validationActions[3]")}},
		{Name: "no parameters", Change: func(b *admissionv1.ValidatingAdmissionPolicyBinding) { b.Spec.ParamRef = &admissionv1.ParamRef{} }, Want: []string{required("spec.paramRef"), required("spec.paramRef.parameterNotFoundAction")}},
		{Name: "parameters twice", Change: func(b *admissionv1.ValidatingAdmissionPolicyBinding) {
			b.Spec.ParamRef = &admissionv1.ParamRef{Name: "a", Selector: &metav1.LabelSelector{}, ParameterNotFoundAction: ptr.To(admissionv1.DenyAction)}
		}, Want: []string{forbidden("spec.paramRef.name")}},
	})
}
