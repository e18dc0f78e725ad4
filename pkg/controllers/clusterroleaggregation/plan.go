package clusterroleaggregation

import (
	"cmp"
	"fmt"
	"slices"

	rbac "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// outcome is what a plan asks for; the empty one is nothing.
type outcome struct {
	// update is the role with the rules that it should have.
	update *rbac.ClusterRole
	// fault says that the role's selectors cannot be read.
	fault error
}

// plan gives a role the union of the rules of the roles that it selects, in the order of their names.
func plan(role *rbac.ClusterRole, all []*rbac.ClusterRole) outcome {
	var rules []rbac.PolicyRule
	named := slices.SortedFunc(slices.Values(all), func(a, b *rbac.ClusterRole) int { return cmp.Compare(a.Name, b.Name) })
	for i := range role.AggregationRule.ClusterRoleSelectors {
		selector, err := metav1.LabelSelectorAsSelector(&role.AggregationRule.ClusterRoleSelectors[i])
		if err != nil {
			return outcome{fault: fmt.Errorf("read selector %d of aggregation rule: %w", i, err)}
		}
		for _, one := range named {
			if one.Name == role.Name || !selector.Matches(labels.Set(one.Labels)) {
				continue
			}
			for _, rule := range one.Rules {
				if !slices.ContainsFunc(rules, func(r rbac.PolicyRule) bool { return equality.Semantic.DeepEqual(r, rule) }) {
					rules = append(rules, rule)
				}
			}
		}
	}
	if equality.Semantic.DeepEqual(rules, role.Rules) {
		return outcome{}
	}
	role = role.DeepCopy()
	role.Rules = rules
	return outcome{update: role}
}
