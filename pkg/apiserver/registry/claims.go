package registry

import (
	"context"
	"fmt"

	resourcev1 "k8s.io/api/resource/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apiserver/pkg/endpoints/request"
	genericregistry "k8s.io/apiserver/pkg/registry/generic/registry"
)

// addClaims lets only claims of devices, and templates of them, ask for admin access whose namespace allows it: such a claim
// gets devices that others use (KEP-5018). It says too who may change which part of a claim's status.
func addClaims(_ context.Context, d *Dependencies, _ Served) error {
	claims, err := d.store(resourcev1.GroupName, "resourceclaims")
	if err != nil {
		return err
	}
	templates, err := d.store(resourcev1.GroupName, "resourceclaimtemplates")
	if err != nil {
		return err
	}
	spec := field.NewPath("spec")
	claims.BeginCreate = func(ctx context.Context, obj runtime.Object, _ *metav1.CreateOptions) (genericregistry.FinishFunc, error) {
		c, ok := obj.(*resourcev1.ResourceClaim)
		if !ok {
			return nil, fmt.Errorf("check admin access: got a %T", obj)
		}
		return settled, d.adminAccess(ctx, "ResourceClaim", c.Name, &c.Spec, spec)
	}
	claims.BeginUpdate = d.authorizeClaimStatus
	templates.BeginCreate = func(ctx context.Context, obj runtime.Object, _ *metav1.CreateOptions) (genericregistry.FinishFunc, error) {
		t, ok := obj.(*resourcev1.ResourceClaimTemplate)
		if !ok {
			return nil, fmt.Errorf("check admin access: got a %T", obj)
		}
		return settled, d.adminAccess(ctx, "ResourceClaimTemplate", t.Name, &t.Spec.Spec, spec.Child("spec"))
	}
	return nil
}

// adminAccess refuses a claim that asks for admin access in a namespace without the label.
func (d *Dependencies) adminAccess(ctx context.Context, kind, name string, spec *resourcev1.ResourceClaimSpec, path *field.Path) error {
	var wanted field.ErrorList
	for i, r := range spec.Devices.Requests {
		if r.Exactly != nil && r.Exactly.AdminAccess != nil && *r.Exactly.AdminAccess {
			wanted = append(wanted, field.Forbidden(path.Child("devices", "requests").Index(i).Child("exactly", "adminAccess"),
				fmt.Sprintf("admin access to devices requires the `%s: true` label on the containing namespace", resourcev1.DRAAdminNamespaceLabelKey)))
		}
	}
	if len(wanted) == 0 {
		return nil
	}
	namespace, err := d.Client.CoreV1().Namespaces().Get(ctx, request.NamespaceValue(ctx), metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("check admin access: %w", err)
	}
	if namespace.Labels[resourcev1.DRAAdminNamespaceLabelKey] == "true" {
		return nil
	}
	return apierrors.NewInvalid(resourcev1.SchemeGroupVersion.WithKind(kind).GroupKind(), name, wanted)
}
