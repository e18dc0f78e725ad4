package policy

import (
	"testing"

	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/proa-sh/proa/staging/apirules/internal/rulestest"
)

func TestPodDisruptionBudgets(t *testing.T) {
	valid := func() *policyv1.PodDisruptionBudget {
		return &policyv1.PodDisruptionBudget{ObjectMeta: metav1.ObjectMeta{Name: "b", Namespace: "ns", ResourceVersion: "1"}, Spec: policyv1.PodDisruptionBudgetSpec{MinAvailable: ptr.To(intstr.FromString("50%"))}}
	}
	type c = rulestest.Case[policyv1.PodDisruptionBudget]
	rulestest.Cases(t, valid, ValidatePodDisruptionBudget, []c{
		{Name: "both", Change: func(b *policyv1.PodDisruptionBudget) { b.Spec.MaxUnavailable = ptr.To(intstr.FromInt32(1)) }, Want: []string{rulestest.Invalid("spec")}},
		{Name: "percentage", Change: func(b *policyv1.PodDisruptionBudget) { b.Spec.MinAvailable = ptr.To(intstr.FromString("101%")) }, Want: []string{rulestest.Invalid("spec.minAvailable")}},
		{Name: "negative", Change: func(b *policyv1.PodDisruptionBudget) {
			b.Spec.MinAvailable, b.Spec.MaxUnavailable = nil, ptr.To(intstr.FromInt32(-1))
		}, Want: []string{rulestest.Invalid("spec.maxUnavailable")}},
		{Name: "selector", Change: func(b *policyv1.PodDisruptionBudget) {
			b.Spec.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{"/": ""}}
		}, Want: []string{rulestest.Invalid("spec.selector.matchLabels")}},
		{Name: "unhealthy pods", Change: func(b *policyv1.PodDisruptionBudget) {
			b.Spec.UnhealthyPodEvictionPolicy = ptr.To(policyv1.UnhealthyPodEvictionPolicyType("x"))
		}, Want: []string{rulestest.NotSupported("spec.unhealthyPodEvictionPolicy")}},
	})
	rulestest.UpdateCases(t, valid, ValidatePodDisruptionBudgetUpdate, []c{
		{Name: "amount", Change: func(b *policyv1.PodDisruptionBudget) { b.Spec.MinAvailable = ptr.To(intstr.FromInt32(1)) }},
	})
	rulestest.UpdateCases(t, valid, ValidatePodDisruptionBudgetStatusUpdate, []c{
		{Name: "counts", Change: func(b *policyv1.PodDisruptionBudget) { b.Status.ExpectedPods, b.Status.DisruptionsAllowed = -1, -1 }, Want: []string{rulestest.Invalid("status.expectedPods"), rulestest.Invalid("status.disruptionsAllowed")}},
	})
}
