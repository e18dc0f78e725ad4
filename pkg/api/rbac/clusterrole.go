package rbac

import (
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/proa-sh/proa/pkg/api/columns"
	"github.com/proa-sh/proa/staging/apidef"
	rules "github.com/proa-sh/proa/staging/apirules/rbac"
)

func clusterRole() apidef.Definition {
	type object = *rbacv1.ClusterRole
	return (&apidef.Resource[rbacv1.ClusterRole, object]{
		Names: apidef.Names{
			Kind:          rbacv1.SchemeGroupVersion.WithKind("ClusterRole"),
			Plural:        "clusterroles",
			Singular:      "clusterrole",
			ClusterScoped: true,
		},
		NewList:        func() runtime.Object { return &rbacv1.ClusterRoleList{} },
		Validate:       rules.ValidateClusterRole,
		ValidateUpdate: rules.ValidateClusterRoleUpdate,
		CreateOnUpdate: true,
		Columns:        columns.Plain[object](),
	}).Define()
}
