package upkeep

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/component-helpers/auth/rbac/reconciliation"

	"github.com/proa-sh/proa/pkg/apiserver/bootstrap"
)

// parallel is how many objects are made at a time: enough to share an fsync among many, little enough to leave room in
// the server's queues.
const parallel = 32

// keepRoles makes default roles and bindings, and brings those that exist up to date unless their autoupdate annotation
// forbids it, as documented for RBAC.
func (c *Config) keepRoles(ctx context.Context) (time.Duration, error) {
	r, err := bootstrap.DefaultRoles()
	if err != nil {
		return 0, err
	}
	// Some are in namespaces of the system.
	if _, err := c.keepNamespaces(ctx); err != nil {
		return 0, err
	}
	g, ctx := group(ctx)
	ensureClusterRoles(ctx, g, c.Client, r)
	ensureRoles(ctx, g, c.Client, r)
	return 0, g.Wait()
}

func group(ctx context.Context) (*errgroup.Group, context.Context) {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(parallel)
	return g, ctx
}

// created says what the outcome of a creation was: it is fine if the object exists already.
func created(what, name string, err error) error {
	if err == nil || apierrors.IsAlreadyExists(err) {
		return nil
	}
	return fmt.Errorf("create %s %q: %w", what, name, err)
}

func ensureClusterRoles(ctx context.Context, g *errgroup.Group, client kubernetes.Interface, r *bootstrap.Roles) {
	for i := range r.ClusterRoles {
		role := &r.ClusterRoles[i]
		g.Go(func() error {
			_, err := client.RbacV1().ClusterRoles().Create(ctx, role.DeepCopy(), metav1.CreateOptions{})
			if !apierrors.IsAlreadyExists(err) {
				return created("cluster role", role.Name, err)
			}
			return reconcileRole(role.Name, reconciliation.ReconcileRoleOptions{
				Role:    reconciliation.ClusterRoleRuleOwner{ClusterRole: role},
				Client:  reconciliation.ClusterRoleModifier{Client: client.RbacV1().ClusterRoles()},
				Confirm: true,
			})
		})
	}
	for i := range r.ClusterRoleBindings {
		binding := &r.ClusterRoleBindings[i]
		g.Go(func() error {
			_, err := client.RbacV1().ClusterRoleBindings().Create(ctx, binding.DeepCopy(), metav1.CreateOptions{})
			if !apierrors.IsAlreadyExists(err) {
				return created("cluster role binding", binding.Name, err)
			}
			return reconcileBinding(binding.Name, reconciliation.ReconcileRoleBindingOptions{
				RoleBinding: reconciliation.ClusterRoleBindingAdapter{ClusterRoleBinding: binding},
				Client:      reconciliation.ClusterRoleBindingClientAdapter{Client: client.RbacV1().ClusterRoleBindings()},
				Confirm:     true,
			})
		})
	}
}

func ensureRoles(ctx context.Context, g *errgroup.Group, client kubernetes.Interface, r *bootstrap.Roles) {
	for i := range r.Roles {
		role := &r.Roles[i]
		g.Go(func() error {
			_, err := client.RbacV1().Roles(role.Namespace).Create(ctx, role.DeepCopy(), metav1.CreateOptions{})
			if !apierrors.IsAlreadyExists(err) {
				return created("role", role.Name, err)
			}
			return reconcileRole(role.Name, reconciliation.ReconcileRoleOptions{
				Role:    reconciliation.RoleRuleOwner{Role: role},
				Client:  reconciliation.RoleModifier{Client: client.RbacV1(), NamespaceClient: client.CoreV1().Namespaces()},
				Confirm: true,
			})
		})
	}
	for i := range r.RoleBindings {
		binding := &r.RoleBindings[i]
		g.Go(func() error {
			_, err := client.RbacV1().RoleBindings(binding.Namespace).Create(ctx, binding.DeepCopy(), metav1.CreateOptions{})
			if !apierrors.IsAlreadyExists(err) {
				return created("role binding", binding.Name, err)
			}
			return reconcileBinding(binding.Name, reconciliation.ReconcileRoleBindingOptions{
				RoleBinding: reconciliation.RoleBindingAdapter{RoleBinding: binding},
				Client:      reconciliation.RoleBindingClientAdapter{Client: client.RbacV1(), NamespaceClient: client.CoreV1().Namespaces()},
				Confirm:     true,
			})
		})
	}
}

func reconcileRole(name string, o reconciliation.ReconcileRoleOptions) error {
	if _, err := o.Run(); err != nil {
		return fmt.Errorf("bring role %q up to date: %w", name, err)
	}
	return nil
}

func reconcileBinding(name string, o reconciliation.ReconcileRoleBindingOptions) error {
	if _, err := o.Run(); err != nil {
		return fmt.Errorf("bring role binding %q up to date: %w", name, err)
	}
	return nil
}
