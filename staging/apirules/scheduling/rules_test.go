package scheduling

import (
	"testing"

	v1 "k8s.io/api/core/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/proa-sh/proa/staging/apirules/internal/rulestest"
)

func TestPriorityClasses(t *testing.T) {
	valid := func() *schedulingv1.PriorityClass {
		c := &schedulingv1.PriorityClass{ObjectMeta: metav1.ObjectMeta{Name: "c", ResourceVersion: "1"}, Value: 1}
		SetPriorityClassDefaults(c)
		return c
	}
	type c = rulestest.Case[schedulingv1.PriorityClass]
	rulestest.Cases(t, valid, ValidatePriorityClass, []c{
		{Name: "value", Change: func(c *schedulingv1.PriorityClass) { c.Value = HighestUserPriority + 1 }, Want: []string{rulestest.Forbidden("value")}},
		{Name: "name", Change: func(c *schedulingv1.PriorityClass) { c.Name = "system-x" }, Want: []string{rulestest.Forbidden("metadata.name")}},
		{Name: "system value", Change: func(c *schedulingv1.PriorityClass) { c.Name = "system-node-critical" }, Want: []string{rulestest.Forbidden("metadata.name")}},
		{Name: "preemption", Change: func(c *schedulingv1.PriorityClass) { c.PreemptionPolicy = ptr.To(v1.PreemptionPolicy("x")) }, Want: []string{rulestest.NotSupported("preemptionPolicy")}},
	})
	for _, system := range SystemPriorityClasses() {
		rulestest.Check(t, ValidatePriorityClass(system))
	}
	rulestest.UpdateCases(t, valid, ValidatePriorityClassUpdate, []c{
		{Name: "value", Change: func(c *schedulingv1.PriorityClass) { c.Value = 2 }, Want: []string{rulestest.Forbidden("value")}},
		{Name: "preemption", Change: func(c *schedulingv1.PriorityClass) { c.PreemptionPolicy = ptr.To(v1.PreemptNever) }, Want: []string{rulestest.Invalid("preemptionPolicy")}},
		{Name: "description", Change: func(c *schedulingv1.PriorityClass) { c.Description = "x" }},
	})
}
