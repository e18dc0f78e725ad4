package bootstrap

import (
	"encoding/json"
	"fmt"

	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/proa-sh/proa/manifests"
)

// Roles are the default roles and bindings.
type Roles struct {
	ClusterRoles        []rbacv1.ClusterRole        `json:"clusterroles"`
	ClusterRoleBindings []rbacv1.ClusterRoleBinding `json:"clusterrolebindings"`
	Roles               []rbacv1.Role               `json:"roles"`
	RoleBindings        []rbacv1.RoleBinding        `json:"rolebindings"`
}

// FlowControl are the default flow schemas and priority levels.
type FlowControl struct {
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

// DefaultRoles returns the default roles and bindings.
func DefaultRoles() (*Roles, error) {
	var r Roles
	return &r, load("rbac.json", &r)
}

// DefaultFlowControl returns the default flow schemas and priority levels, mandatory and suggested.
func DefaultFlowControl() (*FlowControl, error) {
	var f FlowControl
	return &f, load("flowcontrol.json", &f)
}

// ClusterRoleRules returns the rules of a default cluster role.
func ClusterRoleRules(name string) ([]rbacv1.PolicyRule, error) {
	r, err := DefaultRoles()
	if err != nil {
		return nil, err
	}
	for _, role := range r.ClusterRoles {
		if role.Name == name {
			return role.Rules, nil
		}
	}
	return nil, fmt.Errorf("there is no default cluster role %q", name)
}
