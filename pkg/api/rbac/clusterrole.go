package rbac

import (
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/proa-sh/proa/pkg/api/columns"
	"github.com/proa-sh/proa/staging/apidef"
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
		CreateOnUpdate: true,
		Columns:        columns.Plain[object](),
	}).Define()
}
