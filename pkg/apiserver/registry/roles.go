package registry

import (
	"context"
	"fmt"

	rbacv1 "k8s.io/api/rbac/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/endpoints/request"
	genericregistry "k8s.io/apiserver/pkg/registry/generic/registry"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/component-helpers/auth/rbac/validation"

	"github.com/proa-sh/proa/staging/apidef"
)

// addRoles guards roles and bindings: nobody may grant what they do not have, unless they may "escalate" or "bind".
func addRoles(_ context.Context, d *Dependencies, served Served) error {
	for _, resource := range []string{"clusterroles", "roles", "clusterrolebindings", "rolebindings"} {
		store, err := d.store(rbacv1.GroupName, resource)
		if err != nil {
			return err
		}
		served.add(rbacv1.GroupName, "v1", resource, &grantStore{store, d, resource})
	}
	return nil
}

// grantStore checks every write before it reaches the store.
type grantStore struct {
	*genericregistry.Store
	d        *Dependencies
	resource string
}

func (s *grantStore) Create(ctx context.Context, obj runtime.Object, validate rest.ValidateObjectFunc, o *metav1.CreateOptions) (runtime.Object, error) {
	if err := s.check(ctx, obj, nil); err != nil {
		return nil, err
	}
	return s.Store.Create(ctx, obj, validate, o)
}

func (s *grantStore) Update(ctx context.Context, name string, info rest.UpdatedObjectInfo, create rest.ValidateObjectFunc, update rest.ValidateObjectUpdateFunc, force bool, o *metav1.UpdateOptions) (runtime.Object, bool, error) {
	guarded := rest.WrapUpdatedObjectInfo(apidef.Unchanged(info), func(ctx context.Context, obj, old runtime.Object) (runtime.Object, error) {
		return obj, s.check(ctx, obj, old)
	})
	return s.Store.Update(ctx, name, guarded, create, update, force, o)
}

// check refuses to grant rules that the user does not have.
func (s *grantStore) check(ctx context.Context, obj, old runtime.Object) error {
	u, ok := request.UserFrom(ctx)
	if !ok || privileged(u) || !grantsMore(obj, old) {
		return nil
	}
	verb, name := "escalate", ""
	if m, ok := obj.(metav1.Object); ok {
		name = m.GetName()
	}
	if s.resource == "rolebindings" || s.resource == "clusterrolebindings" {
		verb = "bind"
	}
	namespace := request.NamespaceValue(ctx)
	if s.may(ctx, u, verb, namespace, obj) {
		return nil
	}
	rules, err := s.granted(ctx, obj)
	if err != nil {
		return err
	}
	own, err := s.d.Roles.Rules(u, namespace)
	if covered, missing := validation.Covers(own, rules); !covered {
		reason := fmt.Errorf("user %q (groups=%q) is attempting to grant RBAC permissions not currently held:\n%v", u.GetName(), u.GetGroups(), missing)
		if err != nil {
			reason = fmt.Errorf("%w; resolution errors: %w", reason, err)
		}
		return apierrors.NewForbidden(s.DefaultQualifiedResource, name, reason)
	}
	return nil
}

func privileged(u user.Info) bool {
	for _, g := range u.GetGroups() {
		if g == user.SystemPrivilegedGroup {
			return true
		}
	}
	return false
}

// grantsMore reports whether a write can grant anything that was not granted before.
func grantsMore(obj, old runtime.Object) bool {
	switch o := obj.(type) {
	case *rbacv1.ClusterRole:
		before, ok := old.(*rbacv1.ClusterRole)
		return !ok || !apiequality.Semantic.DeepEqual(o.Rules, before.Rules) || !apiequality.Semantic.DeepEqual(o.AggregationRule, before.AggregationRule)
	case *rbacv1.Role:
		before, ok := old.(*rbacv1.Role)
		return !ok || !apiequality.Semantic.DeepEqual(o.Rules, before.Rules)
	case *rbacv1.ClusterRoleBinding:
		before, ok := old.(*rbacv1.ClusterRoleBinding)
		return !ok || !apiequality.Semantic.DeepEqual(o.Subjects, before.Subjects) || o.RoleRef != before.RoleRef
	case *rbacv1.RoleBinding:
		before, ok := old.(*rbacv1.RoleBinding)
		return !ok || !apiequality.Semantic.DeepEqual(o.Subjects, before.Subjects) || o.RoleRef != before.RoleRef
	}
	return true
}

// granted returns the rules that an object grants.
func (s *grantStore) granted(ctx context.Context, obj runtime.Object) ([]rbacv1.PolicyRule, error) {
	switch o := obj.(type) {
	case *rbacv1.ClusterRole:
		if o.AggregationRule == nil {
			return o.Rules, nil
		}
		// It may come to hold anything.
		return append(o.Rules[:len(o.Rules):len(o.Rules)], rbacv1.PolicyRule{Verbs: []string{"*"}, APIGroups: []string{"*"}, Resources: []string{"*"}},
			rbacv1.PolicyRule{Verbs: []string{"*"}, NonResourceURLs: []string{"*"}}), nil
	case *rbacv1.Role:
		return o.Rules, nil
	case *rbacv1.ClusterRoleBinding:
		return s.rulesOf(ctx, o.RoleRef)
	case *rbacv1.RoleBinding:
		return s.rulesOf(ctx, o.RoleRef)
	}
	return nil, fmt.Errorf("check grant: got a %T", obj)
}

// rulesOf reads the role that a binding in the context's namespace refers to from storage, since it may be new.
func (s *grantStore) rulesOf(ctx context.Context, ref rbacv1.RoleRef) ([]rbacv1.PolicyRule, error) {
	if ref.Kind == "ClusterRole" {
		store, err := s.d.store(rbacv1.GroupName, "clusterroles")
		if err != nil {
			return nil, err
		}
		role, err := read[*rbacv1.ClusterRole](request.WithNamespace(ctx, ""), store, ref.Name)
		if err != nil {
			return nil, err
		}
		return role.Rules, nil
	}
	store, err := s.d.store(rbacv1.GroupName, "roles")
	if err != nil {
		return nil, err
	}
	role, err := read[*rbacv1.Role](ctx, store, ref.Name)
	if err != nil {
		return nil, err
	}
	return role.Rules, nil
}

// may asks whether the user holds the verb on the role.
func (s *grantStore) may(ctx context.Context, u user.Info, verb, namespace string, obj runtime.Object) bool {
	q := authorizer.AttributesRecord{User: u, Verb: verb, APIGroup: rbacv1.GroupName, APIVersion: "*", ResourceRequest: true, Namespace: namespace, Resource: s.resource}
	switch o := obj.(type) {
	case *rbacv1.ClusterRoleBinding:
		q.Resource, q.Name = "clusterroles", o.RoleRef.Name
	case *rbacv1.RoleBinding:
		q.Resource, q.Name = "roles", o.RoleRef.Name
		if o.RoleRef.Kind == "ClusterRole" {
			q.Resource = "clusterroles"
		}
	case metav1.Object:
		q.Name = o.GetName()
	}
	decision, _, err := s.d.Authorizer.Authorize(ctx, q)
	return err == nil && decision == authorizer.DecisionAllow
}
