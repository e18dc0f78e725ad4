package coordination

import (
	"testing"

	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/proa-sh/proa/staging/apirules/internal/rulestest"
)

func TestLeases(t *testing.T) {
	valid := func() *coordinationv1.Lease {
		return &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Name: "l", Namespace: "ns", ResourceVersion: "1"}, Spec: coordinationv1.LeaseSpec{LeaseDurationSeconds: ptr.To[int32](1)}}
	}
	type c = rulestest.Case[coordinationv1.Lease]
	faults := func(l *coordinationv1.Lease) {
		l.Spec.LeaseDurationSeconds, l.Spec.LeaseTransitions, l.Spec.PreferredHolder = ptr.To[int32](0), ptr.To[int32](-1), ptr.To("x")
	}
	wanted := []string{rulestest.Invalid("spec.leaseDurationSeconds"), rulestest.Invalid("spec.leaseTransitions"), rulestest.Forbidden("spec.preferredHolder")}
	rulestest.Cases(t, valid, ValidateLease, []c{
		{Name: "numbers", Change: faults, Want: wanted},
		{Name: "strategy", Change: func(l *coordinationv1.Lease) { l.Spec.Strategy = ptr.To(coordinationv1.CoordinatedLeaseStrategy("x")) }, Want: []string{rulestest.NotSupported("spec.strategy")}},
		{Name: "foreign strategy", Change: func(l *coordinationv1.Lease) {
			l.Spec.Strategy = ptr.To(coordinationv1.CoordinatedLeaseStrategy("a.b/c"))
		}},
	})
	rulestest.UpdateCases(t, valid, ValidateLeaseUpdate, []c{{Name: "numbers", Change: faults, Want: wanted}})
}
