package rbac

import (
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/proa-sh/proa/staging/apidef"
	rules "github.com/proa-sh/proa/staging/apirules/rbac"
)

func clusterRoleBinding() apidef.Definition {
	type object = *rbacv1.ClusterRoleBinding
	return (&apidef.Resource[rbacv1.ClusterRoleBinding, object]{
		Names: apidef.Names{
			Kind:          rbacv1.SchemeGroupVersion.WithKind("ClusterRoleBinding"),
			Plural:        "clusterrolebindings",
			Singular:      "clusterrolebinding",
			ClusterScoped: true,
		},
		NewList:        func() runtime.Object { return &rbacv1.ClusterRoleBindingList{} },
		Default:        rules.SetClusterRoleBindingDefaults,
		Validate:       rules.ValidateClusterRoleBinding,
		ValidateUpdate: rules.ValidateClusterRoleBindingUpdate,
		CreateOnUpdate: true,
		Columns: bindingColumns(
			func(b object) rbacv1.RoleRef { return b.RoleRef },
			func(b object) []rbacv1.Subject { return b.Subjects },
		),
	}).Define()
}
