package flowcontrol

import (
	"testing"

	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/proa-sh/proa/staging/apirules/internal/rulestest"
)

var (
	invalid      = rulestest.Invalid
	required     = rulestest.Required
	notSupported = rulestest.NotSupported
	forbidden    = rulestest.Forbidden
)

func TestFlowSchemas(t *testing.T) {
	valid := func() *flowcontrolv1.FlowSchema {
		s := &flowcontrolv1.FlowSchema{ObjectMeta: metav1.ObjectMeta{Name: "s", ResourceVersion: "1"}, Spec: flowcontrolv1.FlowSchemaSpec{
			PriorityLevelConfiguration: flowcontrolv1.PriorityLevelConfigurationReference{Name: "l"},
			Rules: []flowcontrolv1.PolicyRulesWithSubjects{{
				Subjects:      []flowcontrolv1.Subject{{Kind: "Group", Group: &flowcontrolv1.GroupSubject{Name: "*"}}},
				ResourceRules: []flowcontrolv1.ResourcePolicyRule{{Verbs: []string{"*"}, APIGroups: []string{"*"}, Resources: []string{"*"}, Namespaces: []string{"*"}}}}}}}
		SetFlowSchemaDefaults(s)
		return s
	}
	if valid().Spec.MatchingPrecedence != 1000 {
		t.Errorf("the precedence is %d", valid().Spec.MatchingPrecedence)
	}
	const r = "spec.rules[0]."
	rulestest.Cases(t, valid, ValidateFlowSchema, []rulestest.Case[flowcontrolv1.FlowSchema]{
		{Name: "precedence", Change: func(s *flowcontrolv1.FlowSchema) { s.Spec.MatchingPrecedence = 10001 }, Want: []string{invalid("spec.matchingPrecedence")}},
		{Name: "first", Change: func(s *flowcontrolv1.FlowSchema) { s.Spec.MatchingPrecedence = 1 }, Want: []string{invalid("spec.matchingPrecedence")}},
		{Name: "no level", Change: func(s *flowcontrolv1.FlowSchema) { s.Spec.PriorityLevelConfiguration.Name = "" }, Want: []string{required("spec.priorityLevelConfiguration.name")}},
		{Name: "no subjects", Change: func(s *flowcontrolv1.FlowSchema) { s.Spec.Rules[0] = flowcontrolv1.PolicyRulesWithSubjects{} }, Want: []string{required(r + "subjects"), required("spec.rules[0]")}},
		{Name: "subject", Change: func(s *flowcontrolv1.FlowSchema) { s.Spec.Rules[0].Subjects[0].Kind = "User" }, Want: []string{forbidden(r + "subjects[0].group"), required(r + "subjects[0].user")}},
		{Name: "subject kind", Change: func(s *flowcontrolv1.FlowSchema) { s.Spec.Rules[0].Subjects[0] = flowcontrolv1.Subject{Kind: "x"} }, Want: []string{notSupported(r + "subjects[0].kind")}},
		{Name: "wildcards", Change: func(s *flowcontrolv1.FlowSchema) {
			s.Spec.Rules[0].ResourceRules[0].Verbs, s.Spec.Rules[0].ResourceRules[0].Namespaces = []string{"*", "get"}, nil
		}, Want: []string{invalid(r + "resourceRules[0].verbs"), required(r + "resourceRules[0].namespaces")}},
		{Name: "urls", Change: func(s *flowcontrolv1.FlowSchema) {
			s.Spec.Rules[0].NonResourceRules = []flowcontrolv1.NonResourcePolicyRule{{Verbs: []string{"get"}, NonResourceURLs: []string{"x", "/a*b", "/a/*"}}}
		}, Want: []string{invalid(r + "nonResourceRules[0].nonResourceURLs[0]"), invalid(r + "nonResourceRules[0].nonResourceURLs[1]")}},
	})
}

func TestPriorityLevels(t *testing.T) {
	valid := func() *flowcontrolv1.PriorityLevelConfiguration {
		l := &flowcontrolv1.PriorityLevelConfiguration{ObjectMeta: metav1.ObjectMeta{Name: "l", ResourceVersion: "1"}, Spec: flowcontrolv1.PriorityLevelConfigurationSpec{
			Type: "Limited", Limited: &flowcontrolv1.LimitedPriorityLevelConfiguration{LimitResponse: flowcontrolv1.LimitResponse{Type: "Queue", Queuing: &flowcontrolv1.QueuingConfiguration{}}}}}
		SetPriorityLevelConfigurationDefaults(l)
		return l
	}
	if q := valid().Spec.Limited.LimitResponse.Queuing; *q != (flowcontrolv1.QueuingConfiguration{Queues: 64, HandSize: 8, QueueLengthLimit: 50}) {
		t.Errorf("queues are %+v", q)
	}
	const q = "spec.limited.limitResponse.queuing"
	queuing := func(change func(*flowcontrolv1.QueuingConfiguration)) func(*flowcontrolv1.PriorityLevelConfiguration) {
		return func(l *flowcontrolv1.PriorityLevelConfiguration) { change(l.Spec.Limited.LimitResponse.Queuing) }
	}
	rulestest.Cases(t, valid, ValidatePriorityLevelConfiguration, []rulestest.Case[flowcontrolv1.PriorityLevelConfiguration]{
		{Name: "exempt", Change: func(l *flowcontrolv1.PriorityLevelConfiguration) { l.Spec.Type = "Exempt" }, Want: []string{invalid("spec.type"), forbidden("spec.limited")}},
		{Name: "not limited", Change: func(l *flowcontrolv1.PriorityLevelConfiguration) { l.Spec.Limited = nil }, Want: []string{required("spec.limited")}},
		{Name: "shares", Change: func(l *flowcontrolv1.PriorityLevelConfiguration) {
			l.Spec.Limited.NominalConcurrencyShares, l.Spec.Limited.LendablePercent, l.Spec.Limited.BorrowingLimitPercent = ptr.To[int32](-1), ptr.To[int32](101), ptr.To[int32](-1)
		}, Want: []string{invalid("spec.limited.nominalConcurrencyShares"), invalid("spec.limited.lendablePercent"), invalid("spec.limited.borrowingLimitPercent")}},
		{Name: "reject", Change: func(l *flowcontrolv1.PriorityLevelConfiguration) { l.Spec.Limited.LimitResponse.Type = "Reject" }, Want: []string{forbidden(q)}},
		{Name: "no queues", Change: queuing(func(c *flowcontrolv1.QueuingConfiguration) { *c = flowcontrolv1.QueuingConfiguration{} }), Want: []string{invalid(q + ".queues"), invalid(q + ".queueLengthLimit")}},
		{Name: "large hand", Change: queuing(func(c *flowcontrolv1.QueuingConfiguration) { c.HandSize = 65 }), Want: []string{invalid(q + ".handSize")}},
		{Name: "more than a hash", Change: queuing(func(c *flowcontrolv1.QueuingConfiguration) { c.HandSize = 12 }), Want: []string{invalid(q + ".handSize")}},
	})
}
