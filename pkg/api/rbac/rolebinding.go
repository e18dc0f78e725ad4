package rbac

import (
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/proa-sh/proa/staging/apidef"
	rules "github.com/proa-sh/proa/staging/apirules/rbac"
)

func roleBinding() apidef.Definition {
	type object = *rbacv1.RoleBinding
	return (&apidef.Resource[rbacv1.RoleBinding, object]{
		Names: apidef.Names{
			Kind:     rbacv1.SchemeGroupVersion.WithKind("RoleBinding"),
			Plural:   "rolebindings",
			Singular: "rolebinding",
		},
		NewList:        func() runtime.Object { return &rbacv1.RoleBindingList{} },
		Default:        rules.SetRoleBindingDefaults,
		Validate:       rules.ValidateRoleBinding,
		ValidateUpdate: rules.ValidateRoleBindingUpdate,
		CreateOnUpdate: true,
		Columns: bindingColumns(
			func(b object) rbacv1.RoleRef { return b.RoleRef },
			func(b object) []rbacv1.Subject { return b.Subjects },
		),
	}).Define()
}
