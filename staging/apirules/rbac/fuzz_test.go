package rbac

import (
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/proa-sh/proa/staging/apirules/internal/rulestest"
)

func TestFuzz(t *testing.T) {
	rulestest.Fuzz(t, rulestest.Rules[rbacv1.Role]{Validate: ValidateRole,
		Update: []func(_, _ *rbacv1.Role) field.ErrorList{ValidateRoleUpdate}})
	rulestest.Fuzz(t, rulestest.Rules[rbacv1.ClusterRole]{Validate: ValidateClusterRole,
		Update: []func(_, _ *rbacv1.ClusterRole) field.ErrorList{ValidateClusterRoleUpdate}})
	rulestest.Fuzz(t, rulestest.Rules[rbacv1.RoleBinding]{Default: SetRoleBindingDefaults, Validate: ValidateRoleBinding,
		Update: []func(_, _ *rbacv1.RoleBinding) field.ErrorList{ValidateRoleBindingUpdate}})
	rulestest.Fuzz(t, rulestest.Rules[rbacv1.ClusterRoleBinding]{Default: SetClusterRoleBindingDefaults, Validate: ValidateClusterRoleBinding,
		Update: []func(_, _ *rbacv1.ClusterRoleBinding) field.ErrorList{ValidateClusterRoleBindingUpdate}})
}
