package clusterroleaggregation

import (
	"context"
	"fmt"

	rbac "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/labels"
	rbaclisters "k8s.io/client-go/listers/rbac/v1"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/proa-sh/proa/pkg/controllers/control"
)

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
	out := plan(role, all)
	switch {
	case out.fault != nil:
		return control.Result{}, reconcile.TerminalError(out.fault)
	case out.update != nil:
		_, err = control.Update(ctx, r.Client.RbacV1().ClusterRoles(), out.update)
	}
	return control.Result{}, err
}
