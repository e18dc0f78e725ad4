package rbac

import (
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
)

func TestAuthorize(t *testing.T) {
	factory := informers.NewSharedInformerFactory(fake.NewClientset(), 0)
	a, err := New(factory.Rbac().V1())
	if err != nil {
		t.Fatal(err)
	}
	add := func(store interface{ Add(any) error }, objects ...any) {
		for _, o := range objects {
			if err := store.Add(o); err != nil {
				t.Fatal(err)
			}
		}
	}
	meta := func(namespace, name string) metav1.ObjectMeta {
		return metav1.ObjectMeta{Namespace: namespace, Name: name}
	}
	add(factory.Rbac().V1().ClusterRoles().Informer().GetIndexer(),
		&rbacv1.ClusterRole{ObjectMeta: meta("", "nodes"), Rules: []rbacv1.PolicyRule{
			{Verbs: []string{"get", "list"}, APIGroups: []string{""}, Resources: []string{"nodes", "*/scale"}},
			{Verbs: []string{"get"}, NonResourceURLs: []string{"/version", "/api/*"}}}})
	add(factory.Rbac().V1().Roles().Informer().GetIndexer(),
		&rbacv1.Role{ObjectMeta: meta("a", "pods"), Rules: []rbacv1.PolicyRule{
			{Verbs: []string{"*"}, APIGroups: []string{""}, Resources: []string{"pods"}, ResourceNames: []string{"p"}}}})
	add(a.clusterRoleBindings,
		&rbacv1.ClusterRoleBinding{ObjectMeta: meta("", "ops"), RoleRef: rbacv1.RoleRef{Kind: "ClusterRole", Name: "nodes"},
			Subjects: []rbacv1.Subject{{Kind: "Group", Name: "ops"}}},
		&rbacv1.ClusterRoleBinding{ObjectMeta: meta("", "dangling"), RoleRef: rbacv1.RoleRef{Kind: "ClusterRole", Name: "gone"},
			Subjects: []rbacv1.Subject{{Kind: "User", Name: "jane"}}})
	add(a.roleBindings,
		&rbacv1.RoleBinding{ObjectMeta: meta("a", "sa"), RoleRef: rbacv1.RoleRef{Kind: "Role", Name: "pods"},
			Subjects: []rbacv1.Subject{{Kind: "ServiceAccount", Name: "robot"}}})

	ops := &user.DefaultInfo{Name: "joe", Groups: []string{"ops"}}
	robot := &user.DefaultInfo{Name: "system:serviceaccount:a:robot"}
	resource := func(verb, namespace, resource, sub, name string) authorizer.AttributesRecord {
		return authorizer.AttributesRecord{Verb: verb, Namespace: namespace, Resource: resource, Subresource: sub, Name: name, ResourceRequest: true}
	}
	path := func(p string) authorizer.AttributesRecord { return authorizer.AttributesRecord{Verb: "get", Path: p} }
	for _, c := range []struct {
		name  string
		user  user.Info
		asked authorizer.AttributesRecord
		want  authorizer.Decision
	}{
		{"group", ops, resource("get", "", "nodes", "", "n"), authorizer.DecisionAllow},
		{"verb", ops, resource("delete", "", "nodes", "", "n"), authorizer.DecisionNoOpinion},
		{"subresource is another resource", ops, resource("get", "", "nodes", "status", "n"), authorizer.DecisionNoOpinion},
		{"any subresource of a name", ops, resource("get", "b", "replicationcontrollers", "scale", "r"), authorizer.DecisionAllow},
		{"path", ops, path("/version"), authorizer.DecisionAllow},
		{"path below", ops, path("/api/v1"), authorizer.DecisionAllow},
		{"other path", ops, path("/versions"), authorizer.DecisionNoOpinion},
		{"service account of the binding's namespace", robot, resource("delete", "a", "pods", "", "p"), authorizer.DecisionAllow},
		{"other name", robot, resource("delete", "a", "pods", "", "q"), authorizer.DecisionNoOpinion},
		{"other namespace", robot, resource("delete", "b", "pods", "", "p"), authorizer.DecisionNoOpinion},
		{"missing role", &user.DefaultInfo{Name: "jane"}, resource("get", "a", "pods", "", "p"), authorizer.DecisionNoOpinion},
	} {
		c.asked.User = c.user
		got, reason, err := a.Authorize(t.Context(), c.asked)
		if err != nil || got != c.want {
			t.Errorf("%s: got %v (%s, %v), want %v", c.name, got, reason, err, c.want)
		}
	}
}
