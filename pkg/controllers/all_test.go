package controllers

import (
	"encoding/json"
	"slices"
	"testing"

	rbac "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/proa-sh/proa/manifests"
)

// rolesByName are the published bootstrap roles. Those of one namespace count as others: two controllers have no more.
func rolesByName(t *testing.T) map[string]rbac.ClusterRole {
	t.Helper()
	data, err := manifests.Bootstrap.ReadFile("bootstrap/rbac.json")
	if err != nil {
		t.Fatal(err)
	}
	var all struct {
		ClusterRoles []rbac.ClusterRole `json:"clusterroles"`
		Roles        []rbac.Role        `json:"roles"`
	}
	if err := json.Unmarshal(data, &all); err != nil {
		t.Fatal(err)
	}
	roles := map[string]rbac.ClusterRole{}
	for _, role := range all.Roles {
		one := roles[role.Name]
		one.Name, one.Rules = role.Name, append(one.Rules, role.Rules...)
		roles[role.Name] = one
	}
	for _, role := range all.ClusterRoles {
		roles[role.Name] = role
	}
	return roles
}

// mayWrite says whether a role may change a resource or a subresource of it.
func mayWrite(role rbac.ClusterRole, resource schema.GroupResource) bool {
	return slices.ContainsFunc(role.Rules, func(rule rbac.PolicyRule) bool {
		group := slices.Contains(rule.APIGroups, resource.Group) || slices.Contains(rule.APIGroups, "*")
		named := slices.ContainsFunc(rule.Resources, func(name string) bool {
			return name == "*" || name == resource.Resource || name == resource.Resource+"/status" || name == resource.Resource+"/approval"
		})
		verb := slices.ContainsFunc(rule.Verbs, func(verb string) bool {
			return slices.Contains([]string{"*", "create", "update", "patch", "delete"}, verb)
		})
		return group && named && verb
	})
}

// Names are unique, and each controller's identity has the rights for what the list says that it writes.
func TestAll(t *testing.T) {
	roles := rolesByName(t)
	seen := map[string]bool{}
	for _, entry := range All() {
		if seen[entry.Name] {
			t.Errorf("%s is in the list twice", entry.Name)
		}
		seen[entry.Name] = true
		if entry.Workers < 1 || entry.Source == "" || len(entry.Reads) == 0 || len(entry.Writes) == 0 || entry.New == nil {
			t.Errorf("%s is not described wholly: %+v", entry.Name, entry)
		}
		name := "system:controller:" + entry.Identity
		if entry.Identity == "" {
			name = "system:kube-controller-manager"
		}
		role, found := roles[name]
		if !found {
			t.Errorf("%s: no bootstrap role for its identity %s", entry.Name, entry.Identity)
			continue
		}
		for _, name := range entry.Writes {
			resource := schema.ParseGroupResource(name)
			if name == "*" {
				resource = schema.GroupResource{Group: "any", Resource: "any"}
			}
			if !mayWrite(role, resource) {
				t.Errorf("%s: role %s gives no right to write %s", entry.Name, role.Name, name)
			}
		}
	}
}
