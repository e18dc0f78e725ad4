package rbac

import (
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/proa-sh/proa/staging/apidef"
)

// Group returns the group rbac.authorization.k8s.io.
func Group() apidef.Group {
	return apidef.Group{
		Name:        rbacv1.GroupName,
		Versions:    []string{"v1"},
		AddToScheme: []func(*runtime.Scheme) error{rbacv1.AddToScheme},
		Resources: []apidef.Definition{
			clusterRoleBinding(),
			clusterRole(),
			roleBinding(),
			role(),
		},
	}
}
