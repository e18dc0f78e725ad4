package clusterroleaggregation

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	rbac "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/proa-sh/proa/pkg/controllers/control/controltest"
)

func rule(resource string) rbac.PolicyRule {
	return rbac.PolicyRule{Verbs: []string{"get"}, APIGroups: []string{""}, Resources: []string{resource}}
}

func newRole(name string, aggregated bool, rules ...rbac.PolicyRule) *rbac.ClusterRole {
	role := &rbac.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: name}, Rules: rules}
	if aggregated {
		role.Labels = map[string]string{"to": "view"}
	}
	return role
}

func newView() *rbac.ClusterRole {
	view := newRole("view", false)
	view.AggregationRule = &rbac.AggregationRule{ClusterRoleSelectors: []metav1.LabelSelector{{MatchLabels: map[string]string{"to": "view"}}}}
	return view
}

func TestPlan(t *testing.T) {
	view := newView()
	view.Labels = map[string]string{"to": "view"} // selects itself, which adds nothing
	view.Rules = []rbac.PolicyRule{rule("old")}
	out := plan(view, []*rbac.ClusterRole{newRole("b", true, rule("pods"), rule("nodes")), view, newRole("a", true, rule("nodes")), newRole("c", false, rule("secrets"))})
	if out.fault != nil || out.update == nil {
		t.Fatalf("outcome %+v", out)
	}
	if diff := cmp.Diff([]rbac.PolicyRule{rule("nodes"), rule("pods")}, out.update.Rules); diff != "" {
		t.Errorf("rules (-want +got):\n%s", diff)
	}
	if again := plan(out.update, []*rbac.ClusterRole{newRole("b", true, rule("pods"), rule("nodes")), newRole("a", true, rule("nodes"))}); again.update != nil {
		t.Errorf("written again: %+v", again.update)
	}
}

func TestController(t *testing.T) {
	s := controltest.NewServer(t, newView(), newRole("a", true, rule("pods")))
	controltest.Run(t, s, New)
	rules := func() int {
		for _, role := range controltest.List[rbac.ClusterRole](t, s, "rbac.authorization.k8s.io", "clusterroles", "") {
			if role.Name == "view" {
				return len(role.Rules)
			}
		}
		return -1
	}
	s.Wait(t, "the rule is aggregated", func() bool { return rules() == 1 })
	s.Put(newRole("b", true, rule("nodes")))
	s.Wait(t, "the second rule too", func() bool { return rules() == 2 })
}
