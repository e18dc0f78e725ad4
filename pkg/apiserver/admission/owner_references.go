package admission

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/authorization/authorizer"
)

// ownerReferences lets nobody set an owner, or hold up the deletion of one, without the rights that this takes.
func ownerReferences() Plugin {
	return Plugin{Name: "OwnerReferencesPermissionEnforcement", Off: true, On: []admission.Operation{admission.Create, admission.Update}, Does: validates, New: func(in Inputs) (Rules, error) {
		p := &owners{in.Authorizer, in.Mapper}
		return Rules{Validate: p.validate}, nil
	}}
}

// owners checks changes of owners.
type owners struct {
	authorizer authorizer.Authorizer
	mapper     meta.RESTMapper
}

// validate refuses changes of owners that the user has no right to. A pod's status never changes them.
func (p *owners) validate(ctx context.Context, a admission.Attributes) error {
	if a.GetResource().GroupResource() == corev1.Resource("pods") && a.GetSubresource() == "status" {
		return nil
	}
	fresh, old := ownersOf(a.GetObject()), ownersOf(a.GetOldObject())
	if sameOwners(fresh, old) {
		return nil
	}
	if a.GetOperation() != admission.Create {
		r := authorizer.AttributesRecord{User: a.GetUserInfo(), Verb: "delete", Namespace: a.GetNamespace(), APIGroup: a.GetResource().Group,
			APIVersion: a.GetResource().Version, Resource: a.GetResource().Resource, Subresource: a.GetSubresource(), Name: a.GetName(), ResourceRequest: true}
		if decision, reason, err := p.authorizer.Authorize(ctx, r); decision != authorizer.DecisionAllow {
			return admission.NewForbidden(a, fmt.Errorf("cannot set an ownerRef on a resource you can't delete: %v, %w", reason, orNone(err)))
		}
	}
	for _, ref := range newlyBlocking(fresh, old) {
		if err := p.mayFinalize(ctx, a, ref); err != nil {
			return admission.NewForbidden(a, fmt.Errorf("cannot set blockOwnerDeletion if an ownerReference refers to a resource you can't set finalizers on: %w", err))
		}
	}
	return nil
}

// mayFinalize asks whether the user may set the finalizers of an owner, which may be of one of several resources.
func (p *owners) mayFinalize(ctx context.Context, a admission.Attributes, ref metav1.OwnerReference) error {
	version, err := schema.ParseGroupVersion(ref.APIVersion)
	if err != nil {
		return fmt.Errorf("read owner's version: %w", err)
	}
	mappings, err := p.mapper.RESTMappings(schema.GroupKind{Group: version.Group, Kind: ref.Kind}, version.Version)
	if err != nil {
		return fmt.Errorf("find owner's resource: %w", err)
	}
	var refused error
	for _, m := range mappings {
		r := authorizer.AttributesRecord{User: a.GetUserInfo(), Verb: "update", APIGroup: m.Resource.Group, APIVersion: m.Resource.Version,
			Resource: m.Resource.Resource, Subresource: "finalizers", Name: ref.Name, ResourceRequest: true}
		if m.Scope.Name() == meta.RESTScopeNameNamespace {
			r.Namespace = a.GetNamespace()
		}
		decision, reason, err := p.authorizer.Authorize(ctx, r)
		if decision == authorizer.DecisionAllow {
			return nil
		}
		refused = fmt.Errorf("%v, %w", reason, orNone(err))
	}
	return refused
}

// errNone stands in a message where there is no error.
var errNone = fmt.Errorf("<nil>")

func orNone(err error) error {
	if err == nil {
		return errNone
	}
	return err
}

func ownersOf(o runtime.Object) map[types.UID]metav1.OwnerReference {
	out := map[types.UID]metav1.OwnerReference{}
	if m, ok := o.(metav1.Object); ok {
		for _, r := range m.GetOwnerReferences() {
			out[r.UID] = r
		}
	}
	return out
}

func sameOwners(a, b map[types.UID]metav1.OwnerReference) bool {
	return apiequality.Semantic.DeepEqual(a, b)
}

// newlyBlocking are the owners whose deletion the object blocks and did not block before.
func newlyBlocking(fresh, old map[types.UID]metav1.OwnerReference) []metav1.OwnerReference {
	var out []metav1.OwnerReference
	for uid, r := range fresh {
		before := old[uid].BlockOwnerDeletion
		if r.BlockOwnerDeletion != nil && *r.BlockOwnerDeletion && (before == nil || !*before) {
			out = append(out, r)
		}
	}
	return out
}
