package clusterroleaggregation

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	rbac "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	rbaclisters "k8s.io/client-go/listers/rbac/v1"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/proa-sh/proa/pkg/controllers/control"
)

// aggregate is the union of the rules of the roles that role selects, in the order of their names.
func aggregate(role *rbac.ClusterRole, all []*rbac.ClusterRole) ([]rbac.PolicyRule, error) {
	var rules []rbac.PolicyRule
	for i := range role.AggregationRule.ClusterRoleSelectors {
		selector, err := metav1.LabelSelectorAsSelector(&role.AggregationRule.ClusterRoleSelectors[i])
		if err != nil {
			return nil, fmt.Errorf("read selector %d of aggregation rule: %w", i, err)
		}
		named := slices.SortedFunc(slices.Values(all), func(a, b *rbac.ClusterRole) int { return cmp.Compare(a.Name, b.Name) })
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
	return rules, nil
}

type reconciler struct {
	control.Dependencies
	roles rbaclisters.ClusterRoleLister
}

// New makes the controller. Its keys are ClusterRoles with an aggregation rule.
func New(d control.Dependencies) (control.Controller, error) {
	roles := d.Informers.Rbac().V1().ClusterRoles()
	r := &reconciler{d, roles.Lister()}
	return control.NewLoop(control.Spec{
		Name: d.Name, Workers: d.Workers, Reconcile: r.Reconcile,
		Watches: []source.Source{control.Watch(roles.Informer(), r.changed)},
		Writes:  []control.Written{control.Shows[rbac.ClusterRole](roles.Informer())},
	}), nil
}

// changed wakes all roles that aggregate: there are few of them.
func (r *reconciler) changed(_, _ *rbac.ClusterRole) []control.Key {
	all, err := r.roles.List(labels.Everything())
	if err != nil {
		return nil // a lister over a cache does not fail
	}
	var keys []control.Key
	for _, role := range all {
		if role.AggregationRule != nil {
			keys = append(keys, control.KeyOf("", role.Name))
		}
	}
	return keys
}

// Reconcile implements reconcile.Reconciler.
func (r *reconciler) Reconcile(ctx context.Context, key control.Key) (control.Result, error) {
	role, err := r.roles.Get(key.Name)
	if apierrors.IsNotFound(err) || (err == nil && role.AggregationRule == nil) {
		return control.Result{}, nil
	}
	if err != nil {
		return control.Result{}, fmt.Errorf("read cluster role: %w", err)
	}
	all, err := r.roles.List(labels.Everything())
	if err != nil {
		return control.Result{}, fmt.Errorf("list cluster roles: %w", err)
	}
	rules, err := aggregate(role, all)
	if err != nil {
		return control.Result{}, reconcile.TerminalError(err)
	}
	if equality.Semantic.DeepEqual(rules, role.Rules) {
		return control.Result{}, nil
	}
	role = role.DeepCopy()
	role.Rules = rules
	_, err = control.Update(ctx, r.Client.RbacV1().ClusterRoles(), role)
	return control.Result{}, err
}
