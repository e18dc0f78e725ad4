package bootstrap

import (
	"encoding/json"
	"fmt"

	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/proa-sh/proa/manifests"
)

// roles are the objects in rbac.json.
type roles struct {
	ClusterRoles        []rbacv1.ClusterRole        `json:"clusterroles"`
	ClusterRoleBindings []rbacv1.ClusterRoleBinding `json:"clusterrolebindings"`
	Roles               []rbacv1.Role               `json:"roles"`
	RoleBindings        []rbacv1.RoleBinding        `json:"rolebindings"`
}

// flowControl are the objects in flowcontrol.json.
type flowControl struct {
	FlowSchemas    []flowcontrolv1.FlowSchema                 `json:"flowschemas"`
	PriorityLevels []flowcontrolv1.PriorityLevelConfiguration `json:"prioritylevelconfigurations"`
}

func load(name string, into any) error {
	data, err := manifests.Bootstrap.ReadFile("bootstrap/" + name)
	if err != nil {
		return fmt.Errorf("read built-in %s: %w", name, err)
	}
	if err := json.Unmarshal(data, into); err != nil {
		return fmt.Errorf("read built-in %s: %w", name, err)
	}
	return nil
}

// ClusterRoleRules returns the rules of a default cluster role.
func ClusterRoleRules(name string) ([]rbacv1.PolicyRule, error) {
	var r roles
	if err := load("rbac.json", &r); err != nil {
		return nil, err
	}
	for _, role := range r.ClusterRoles {
		if role.Name == name {
			return role.Rules, nil
		}
	}
	return nil, fmt.Errorf("there is no default cluster role %q", name)
}
