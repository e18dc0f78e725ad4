package rbac

import (
	"context"
	"errors"
	"fmt"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	rbacinformers "k8s.io/client-go/informers/rbac/v1"
	rbaclisters "k8s.io/client-go/listers/rbac/v1"
	"k8s.io/client-go/tools/cache"
)

// Authorizer decides by roles. It is an authorizer.Authorizer and an authorizer.RuleResolver.
type Authorizer struct {
	roles               rbaclisters.RoleLister
	clusterRoles        rbaclisters.ClusterRoleLister
	roleBindings        cache.Indexer
	clusterRoleBindings cache.Indexer
}

// New returns an authorizer on the informers, which must not have started yet.
func New(informers rbacinformers.Interface) (*Authorizer, error) {
	bindings := []cache.SharedIndexInformer{informers.RoleBindings().Informer(), informers.ClusterRoleBindings().Informer()}
	for _, informer := range bindings {
		if err := informer.AddIndexers(indexers()); err != nil {
			return nil, fmt.Errorf("index role bindings: %w", err)
		}
	}
	return &Authorizer{
		roles:               informers.Roles().Lister(),
		clusterRoles:        informers.ClusterRoles().Lister(),
		roleBindings:        bindings[0].GetIndexer(),
		clusterRoleBindings: bindings[1].GetIndexer(),
	}, nil
}

// Authorize allows what a rule of a bound role allows, and has no opinion on anything else.
func (a *Authorizer) Authorize(_ context.Context, r authorizer.Attributes) (authorizer.Decision, string, error) {
	var reason string
	err := a.visit(r.GetUser(), r.GetNamespace(), func(why fmt.Stringer, rule *rbacv1.PolicyRule) bool {
		if allows(rule, r) {
			reason = "RBAC: allowed by " + why.String()
			return false
		}
		return true
	})
	if reason != "" {
		return authorizer.DecisionAllow, reason, nil
	}
	if err != nil {
		return authorizer.DecisionNoOpinion, "RBAC: " + err.Error(), nil
	}
	return authorizer.DecisionNoOpinion, "", nil
}

// RulesFor lists the rules that apply to a user in a namespace. It is incomplete, and says so, when roles are missing.
func (a *Authorizer) RulesFor(_ context.Context, u user.Info, namespace string) ([]authorizer.ResourceRuleInfo, []authorizer.NonResourceRuleInfo, bool, error) {
	var resources []authorizer.ResourceRuleInfo
	var paths []authorizer.NonResourceRuleInfo
	err := a.visit(u, namespace, func(_ fmt.Stringer, rule *rbacv1.PolicyRule) bool {
		if len(rule.Resources) > 0 {
			resources = append(resources, &authorizer.DefaultResourceRuleInfo{
				Verbs: rule.Verbs, APIGroups: rule.APIGroups, Resources: rule.Resources, ResourceNames: rule.ResourceNames})
		}
		if len(rule.NonResourceURLs) > 0 {
			paths = append(paths, &authorizer.DefaultNonResourceRuleInfo{Verbs: rule.Verbs, NonResourceURLs: rule.NonResourceURLs})
		}
		return true
	})
	return resources, paths, err != nil, err
}

// Rules returns the policy rules that apply to a user in a namespace, for the check that nobody grants more than they
// have.
func (a *Authorizer) Rules(u user.Info, namespace string) ([]rbacv1.PolicyRule, error) {
	var out []rbacv1.PolicyRule
	err := a.visit(u, namespace, func(_ fmt.Stringer, rule *rbacv1.PolicyRule) bool {
		out = append(out, *rule)
		return true
	})
	return out, err
}

// rulesOf returns the rules of the role that a binding in namespace refers to.
func (a *Authorizer) rulesOf(namespace string, ref rbacv1.RoleRef) ([]rbacv1.PolicyRule, error) {
	if ref.Kind == "ClusterRole" {
		role, err := a.clusterRoles.Get(ref.Name)
		if err != nil {
			return nil, err
		}
		return role.Rules, nil
	}
	role, err := a.roles.Roles(namespace).Get(ref.Name)
	if err != nil {
		return nil, err
	}
	return role.Rules, nil
}

// visit calls f with every rule that applies, cluster-wide ones first, until f returns false. Its error tells of roles
// that are bound and do not exist.
func (a *Authorizer) visit(u user.Info, namespace string, f func(fmt.Stringer, *rbacv1.PolicyRule) bool) error {
	var missing []error
	each := func(why fmt.Stringer, namespace string, ref rbacv1.RoleRef) bool {
		rules, err := a.rulesOf(namespace, ref)
		if err != nil {
			missing = append(missing, err)
		}
		for i := range rules {
			if !f(why, &rules[i]) {
				return false
			}
		}
		return true
	}
	for _, key := range keysOf(u) {
		bindings, err := a.clusterRoleBindings.ByIndex(bySubject, key)
		if err != nil {
			return fmt.Errorf("look up cluster role bindings: %w", err)
		}
		for _, o := range bindings {
			b := o.(*rbacv1.ClusterRoleBinding)
			if !each(binding{"ClusterRoleBinding", b.Name, b.RoleRef, key}, "", b.RoleRef) {
				return nil
			}
		}
		if namespace == "" {
			continue
		}
		if bindings, err = a.roleBindings.ByIndex(bySubject, inNamespace(namespace, key)); err != nil {
			return fmt.Errorf("look up role bindings: %w", err)
		}
		for _, o := range bindings {
			b := o.(*rbacv1.RoleBinding)
			if !each(binding{"RoleBinding", b.Name + "/" + b.Namespace, b.RoleRef, key}, b.Namespace, b.RoleRef) {
				return nil
			}
		}
	}
	return errors.Join(missing...)
}

// binding says why a rule applies; it is put into words only when a request was allowed.
type binding struct {
	kind, name string
	role       rbacv1.RoleRef
	subject    string
}

func (b binding) String() string {
	return fmt.Sprintf("%s %q of %s %q to %s", b.kind, b.name, b.role.Kind, b.role.Name, b.subject)
}
