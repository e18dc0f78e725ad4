package bootstrap

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/component-helpers/auth/rbac/reconciliation"

	"golang.org/x/sync/errgroup"
)

// parallel is how many objects are made at a time: enough to share an fsync among many, little enough to leave room in
// the server's queues.
const parallel = 32

// Namespaces of the system.
func namespaces() []string {
	return []string{metav1.NamespaceSystem, metav1.NamespacePublic, corev1.NamespaceNodeLease, metav1.NamespaceDefault}
}

// Ensure makes all objects. serviceRanges are those of the default ServiceCIDR.
func Ensure(ctx context.Context, client kubernetes.Interface, serviceRanges []string) error {
	var r roles
	if err := load("rbac.json", &r); err != nil {
		return err
	}
	var flow flowControl
	if err := load("flowcontrol.json", &flow); err != nil {
		return err
	}
	first, firstContext := group(ctx)
	for _, n := range namespaces() {
		first.Go(func() error { return ensureNamespace(firstContext, client, n) })
	}
	ensureClusterRoles(firstContext, first, client, &r)
	ensureFlowControl(firstContext, first, client, &flow)
	ensurePriorityClasses(firstContext, first, client)
	first.Go(func() error { return ensureServiceCIDR(firstContext, client, serviceRanges) })
	if err := first.Wait(); err != nil {
		return err
	}
	// These are in namespaces that exist now.
	second, secondContext := group(ctx)
	ensureRoles(secondContext, second, client, &r)
	return second.Wait()
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

func ensureNamespace(ctx context.Context, client kubernetes.Interface, name string) error {
	_, err := client.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{})
	return created("namespace", name, err)
}

func ensureClusterRoles(ctx context.Context, g *errgroup.Group, client kubernetes.Interface, r *roles) {
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

func ensureRoles(ctx context.Context, g *errgroup.Group, client kubernetes.Interface, r *roles) {
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

func ensureFlowControl(ctx context.Context, g *errgroup.Group, client kubernetes.Interface, f *flowControl) {
	for i := range f.PriorityLevels {
		level := &f.PriorityLevels[i]
		g.Go(func() error {
			_, err := client.FlowcontrolV1().PriorityLevelConfigurations().Create(ctx, level, metav1.CreateOptions{})
			return created("priority level", level.Name, err)
		})
	}
	for i := range f.FlowSchemas {
		schema := &f.FlowSchemas[i]
		g.Go(func() error {
			_, err := client.FlowcontrolV1().FlowSchemas().Create(ctx, schema, metav1.CreateOptions{})
			return created("flow schema", schema.Name, err)
		})
	}
}

// System priorities, as published in the documentation of pod priority.
const (
	systemCriticalPriority = 2_000_000_000
	nodeCriticalPriority   = systemCriticalPriority + 1000
)

func ensurePriorityClasses(ctx context.Context, g *errgroup.Group, client kubernetes.Interface) {
	for _, class := range []schedulingv1.PriorityClass{
		{ObjectMeta: metav1.ObjectMeta{Name: "system-node-critical"}, Value: nodeCriticalPriority,
			Description: "Used for system critical pods that must not be moved from their current node."},
		{ObjectMeta: metav1.ObjectMeta{Name: "system-cluster-critical"}, Value: systemCriticalPriority,
			Description: "Used for system critical pods that must run in the cluster, but can be moved to another node if necessary."},
	} {
		g.Go(func() error {
			_, err := client.SchedulingV1().PriorityClasses().Create(ctx, &class, metav1.CreateOptions{})
			return created("priority class", class.Name, err)
		})
	}
}

func ensureServiceCIDR(ctx context.Context, client kubernetes.Interface, ranges []string) error {
	const name = "kubernetes"
	_, err := client.NetworkingV1().ServiceCIDRs().Create(ctx, &networkingv1.ServiceCIDR{
		ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: networkingv1.ServiceCIDRSpec{CIDRs: ranges}}, metav1.CreateOptions{})
	if err := created("service CIDR", name, err); err != nil {
		return err
	}
	cidr, err := client.NetworkingV1().ServiceCIDRs().Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("read service CIDR %q: %w", name, err)
	}
	if len(cidr.Status.Conditions) > 0 {
		return nil
	}
	cidr.Status.Conditions = []metav1.Condition{{Type: networkingv1.ServiceCIDRConditionReady, Status: metav1.ConditionTrue,
		LastTransitionTime: metav1.Now(), Reason: "Ready", Message: "Kubernetes Service CIDR is ready"}}
	if _, err := client.NetworkingV1().ServiceCIDRs().UpdateStatus(ctx, cidr, metav1.UpdateOptions{}); err != nil {
		return fmt.Errorf("mark service CIDR %q ready: %w", name, err)
	}
	return nil
}
