package registry

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/authentication/serviceaccount"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/endpoints/request"
	genericregistry "k8s.io/apiserver/pkg/registry/generic/registry"
)

// authorizeClaimStatus says, beyond who may update the status of claims of devices, who may change which part of it
// (KEP-4817, gate DRAResourceClaimGranularStatusAuthorization): the allocation and for whom it is reserved with the
// permission for resourceclaims/binding, what drivers report of devices with that for resourceclaims/driver under the name of
// each driver.
func (d *Dependencies) authorizeClaimStatus(ctx context.Context, obj, old runtime.Object, _ *metav1.UpdateOptions) (genericregistry.FinishFunc, error) {
	info, ok := request.RequestInfoFrom(ctx)
	if !ok || info.Subresource != "status" {
		return settled, nil
	}
	now, okNow := obj.(*resourcev1.ResourceClaim)
	was, okWas := old.(*resourcev1.ResourceClaim)
	who, okWho := request.UserFrom(ctx)
	if !okNow || !okWas || !okWho {
		return nil, apierrors.NewInternalError(fmt.Errorf("authorize an update of a claim's status: got a %T and a %T of user %v", obj, old, who))
	}
	ask := func(verb, part, name string) error {
		return allow(ctx, d.Authorizer, authorizer.AttributesRecord{User: who, Verb: verb, Namespace: was.Namespace, APIGroup: resourcev1.GroupName, APIVersion: info.APIVersion,
			Resource: "resourceclaims", Subresource: part, Name: name, ResourceRequest: true})
	}
	if !apiequality.Semantic.DeepEqual(now.Status.Allocation, was.Status.Allocation) || !apiequality.Semantic.DeepEqual(now.Status.ReservedFor, was.Status.ReservedFor) {
		if err := ask(info.Verb, "binding", was.Name); err != nil {
			return nil, err
		}
	}
	for _, driver := range changedDrivers(now.Status.Devices, was.Status.Devices) {
		if onNodeOf(was, who) && ask("associated-node:"+info.Verb, "driver", driver) == nil {
			continue
		}
		if err := ask("arbitrary-node:"+info.Verb, "driver", driver); err != nil {
			return nil, err
		}
	}
	return settled, nil
}

// changedDrivers returns the drivers of whose devices something else is reported now.
func changedDrivers(now, was []resourcev1.AllocatedDeviceStatus) []string {
	of := func(all []resourcev1.AllocatedDeviceStatus) map[string][]resourcev1.AllocatedDeviceStatus {
		out := map[string][]resourcev1.AllocatedDeviceStatus{}
		for _, s := range all {
			out[s.Driver] = append(out[s.Driver], s)
		}
		return out
	}
	before, after := of(was), of(now)
	var out []string
	for _, s := range slices.Concat(was, now) {
		if !slices.Contains(out, s.Driver) && !apiequality.Semantic.DeepEqual(before[s.Driver], after[s.Driver]) {
			out = append(out, s.Driver)
		}
	}
	return out
}

// onNodeOf reports whether a user acts from the one node for which a claim is allocated, as its token says.
func onNodeOf(c *resourcev1.ResourceClaim, who user.Info) bool {
	names := who.GetExtra()[serviceaccount.NodeNameKey]
	if len(names) != 1 || c.Status.Allocation == nil || c.Status.Allocation.NodeSelector == nil {
		return false
	}
	terms := c.Status.Allocation.NodeSelector.NodeSelectorTerms
	return len(terms) > 0 && !slices.ContainsFunc(terms, func(t corev1.NodeSelectorTerm) bool {
		return !slices.ContainsFunc(t.MatchFields, func(r corev1.NodeSelectorRequirement) bool {
			return r.Key == metav1.ObjectNameField && r.Operator == corev1.NodeSelectorOpIn && slices.Equal(r.Values, names)
		})
	})
}
