package integration

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/proa-sh/proa/pkg/apiserver/bootstrap"
	"github.com/proa-sh/proa/test/cluster"
)

// TestEnsure makes what has to exist a second time, after somebody has changed some of it.
func TestEnsure(t *testing.T) {
	client := cluster.StartAPI(t).Client
	before := versionsOf(t, client)
	ranges := []string{"10.96.0.0/16"}
	if err := bootstrap.Ensure(t.Context(), client, ranges); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, versionsOf(t, client)); diff != "" {
		t.Errorf("nothing was amiss, and yet something was written (-before +after):\n%s", diff)
	}

	roles := client.RbacV1().ClusterRoles()
	clear := func(name string, annotate bool) {
		role, err := roles.Get(t.Context(), name, metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		role.Rules = []rbacv1.PolicyRule{{Verbs: []string{"get"}, APIGroups: []string{""}, Resources: []string{"mine"}}}
		if annotate {
			role.Annotations["rbac.authorization.kubernetes.io/autoupdate"] = "false"
		}
		if _, err := roles.Update(t.Context(), role, metav1.UpdateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	clear("system:node", false)
	clear("system:kube-scheduler", true)
	for _, name := range []string{"system:basic-user"} {
		if err := roles.Delete(t.Context(), name, metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	binding, err := client.RbacV1().ClusterRoleBindings().Get(t.Context(), "system:basic-user", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	binding.Subjects = nil
	if _, err := client.RbacV1().ClusterRoleBindings().Update(t.Context(), binding, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := bootstrap.Ensure(t.Context(), client, ranges); err != nil {
		t.Fatal(err)
	}
	has := func(name, resource string) bool {
		role, err := roles.Get(t.Context(), name, metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return slices.ContainsFunc(role.Rules, func(r rbacv1.PolicyRule) bool { return slices.Contains(r.Resources, resource) })
	}
	for _, c := range []struct {
		role, resource string
		want           bool
	}{
		{"system:node", "pods", true},
		{"system:node", "mine", true}, // what others have added stays
		{"system:kube-scheduler", "pods", false},
		{"system:basic-user", "selfsubjectreviews", true},
	} {
		if got := has(c.role, c.resource); got != c.want {
			t.Errorf("role %s has rules for %s: %v, want %v", c.role, c.resource, got, c.want)
		}
	}
	if binding, err = client.RbacV1().ClusterRoleBindings().Get(t.Context(), "system:basic-user", metav1.GetOptions{}); err != nil || len(binding.Subjects) == 0 {
		t.Errorf("the binding was not repaired: %v, %v", binding.Subjects, err)
	}
}

// versionsOf returns the resource versions of the objects that a cluster starts with.
func versionsOf(t *testing.T, client kubernetes.Interface) map[string]string {
	t.Helper()
	out := map[string]string{}
	note := func(kind string, m *metav1.ObjectMeta) { out[kind+" "+m.Namespace+"/"+m.Name] = m.ResourceVersion }
	options := metav1.ListOptions{}
	fail := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	clusterRoles, err := client.RbacV1().ClusterRoles().List(t.Context(), options)
	fail(err)
	for i := range clusterRoles.Items {
		note("ClusterRole", &clusterRoles.Items[i].ObjectMeta)
	}
	clusterBindings, err := client.RbacV1().ClusterRoleBindings().List(t.Context(), options)
	fail(err)
	for i := range clusterBindings.Items {
		note("ClusterRoleBinding", &clusterBindings.Items[i].ObjectMeta)
	}
	roles, err := client.RbacV1().Roles("").List(t.Context(), options)
	fail(err)
	for i := range roles.Items {
		note("Role", &roles.Items[i].ObjectMeta)
	}
	bindings, err := client.RbacV1().RoleBindings("").List(t.Context(), options)
	fail(err)
	for i := range bindings.Items {
		note("RoleBinding", &bindings.Items[i].ObjectMeta)
	}
	cidrs, err := client.NetworkingV1().ServiceCIDRs().List(t.Context(), options)
	fail(err)
	for i := range cidrs.Items {
		note("ServiceCIDR", &cidrs.Items[i].ObjectMeta)
	}
	return out
}
