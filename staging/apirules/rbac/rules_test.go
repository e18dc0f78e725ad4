package rbac

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/proa-sh/proa/staging/apirules/internal/rulestest"
)

func objectMeta(namespace string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Name: "system:x", Namespace: namespace, ResourceVersion: "1"}
}

func pods() []rbacv1.PolicyRule {
	return []rbacv1.PolicyRule{{Verbs: []string{"get"}, APIGroups: []string{""}, Resources: []string{"pods"}}}
}

func TestRoles(t *testing.T) {
	role := func() *rbacv1.Role { return &rbacv1.Role{ObjectMeta: objectMeta("ns"), Rules: pods()} }
	rulestest.Cases(t, role, ValidateRole, []rulestest.Case[rbacv1.Role]{
		{Name: "name", Change: func(r *rbacv1.Role) { r.Name = "a/b" }, Want: []string{rulestest.Invalid("metadata.name")}},
		{Name: "empty rule", Change: func(r *rbacv1.Role) { r.Rules[0] = rbacv1.PolicyRule{} }, Want: []string{rulestest.Required("rules[0].verbs"), rulestest.Required("rules[0].apiGroups"), rulestest.Required("rules[0].resources")}},
		{Name: "url", Change: func(r *rbacv1.Role) { r.Rules[0].NonResourceURLs = []string{"/x"} }, Want: []string{rulestest.Invalid("rules[0].nonResourceURLs")}},
	})
	cluster := func() *rbacv1.ClusterRole {
		return &rbacv1.ClusterRole{ObjectMeta: objectMeta(""), Rules: []rbacv1.PolicyRule{{Verbs: []string{"get"}, NonResourceURLs: []string{"/x"}}}}
	}
	rulestest.Cases(t, cluster, ValidateClusterRole, []rulestest.Case[rbacv1.ClusterRole]{
		{Name: "both", Change: func(r *rbacv1.ClusterRole) { r.Rules[0].Resources = []string{"pods"} }, Want: []string{rulestest.Invalid("rules[0].nonResourceURLs")}},
		{Name: "aggregation", Change: func(r *rbacv1.ClusterRole) { r.AggregationRule = &rbacv1.AggregationRule{} }, Want: []string{rulestest.Required("aggregationRule.clusterRoleSelectors")}},
	})
}

func TestBindings(t *testing.T) {
	valid := func() *rbacv1.RoleBinding {
		b := &rbacv1.RoleBinding{ObjectMeta: objectMeta("ns"), RoleRef: rbacv1.RoleRef{Kind: "Role", Name: "r"},
			Subjects: []rbacv1.Subject{{Kind: "User", Name: "u"}, {Kind: "ServiceAccount", Name: "a", Namespace: "ns"}}}
		SetRoleBindingDefaults(b)
		return b
	}
	if diff := cmp.Diff([]string{rbacv1.GroupName, rbacv1.GroupName, ""}, []string{valid().RoleRef.APIGroup, valid().Subjects[0].APIGroup, valid().Subjects[1].APIGroup}); diff != "" {
		t.Errorf("default groups differ (-want +got):\n%s", diff)
	}
	type c = rulestest.Case[rbacv1.RoleBinding]
	rulestest.Cases(t, valid, ValidateRoleBinding, []c{
		{Name: "role", Change: func(b *rbacv1.RoleBinding) { b.RoleRef = rbacv1.RoleRef{Kind: "x"} }, Want: []string{rulestest.NotSupported("roleRef.apiGroup"), rulestest.NotSupported("roleRef.kind"), rulestest.Required("roleRef.name")}},
		{Name: "subjects", Change: func(b *rbacv1.RoleBinding) {
			b.Subjects = []rbacv1.Subject{{Kind: "User"}, {Kind: "ServiceAccount", Name: "A", APIGroup: "x"}, {Kind: "x", Name: "y"}}
		}, Want: []string{rulestest.Required("subjects[0].name"), rulestest.NotSupported("subjects[0].apiGroup"), rulestest.Invalid("subjects[1].name"), rulestest.NotSupported("subjects[1].apiGroup"), rulestest.NotSupported("subjects[2].kind")}},
	})
	rulestest.UpdateCases(t, valid, ValidateRoleBindingUpdate, []c{
		{Name: "role", Change: func(b *rbacv1.RoleBinding) { b.RoleRef.Name = "x" }, Want: []string{rulestest.Invalid("roleRef")}},
		{Name: "subjects", Change: func(b *rbacv1.RoleBinding) { b.Subjects = nil }},
	})
	cluster := func() *rbacv1.ClusterRoleBinding {
		b := &rbacv1.ClusterRoleBinding{ObjectMeta: objectMeta(""), RoleRef: rbacv1.RoleRef{Kind: "ClusterRole", Name: "r"}}
		SetClusterRoleBindingDefaults(b)
		return b
	}
	rulestest.Cases(t, cluster, ValidateClusterRoleBinding, []rulestest.Case[rbacv1.ClusterRoleBinding]{
		{Name: "namespaced role", Change: func(b *rbacv1.ClusterRoleBinding) { b.RoleRef.Kind = "Role" }, Want: []string{rulestest.NotSupported("roleRef.kind")}},
		{Name: "account", Change: func(b *rbacv1.ClusterRoleBinding) { b.Subjects = []rbacv1.Subject{{Kind: "ServiceAccount", Name: "a"}} }, Want: []string{rulestest.Required("subjects[0].namespace")}},
	})
}
