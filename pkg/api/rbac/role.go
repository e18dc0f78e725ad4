package rbac

import (
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/proa-sh/proa/pkg/api/columns"
	"github.com/proa-sh/proa/staging/apidef"
	rules "github.com/proa-sh/proa/staging/apirules/rbac"
)

func role() apidef.Definition {
	type object = *rbacv1.Role
	return (&apidef.Resource[rbacv1.Role, object]{
		Names: apidef.Names{
			Kind:     rbacv1.SchemeGroupVersion.WithKind("Role"),
			Plural:   "roles",
			Singular: "role",
		},
		NewList:        func() runtime.Object { return &rbacv1.RoleList{} },
		Validate:       rules.ValidateRole,
		ValidateUpdate: rules.ValidateRoleUpdate,
		CreateOnUpdate: true,
		Columns:        columns.Plain[object](),
	}).Define()
}
