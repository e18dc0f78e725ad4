package admission

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/client-go/kubernetes"
	storagelisters "k8s.io/client-go/listers/storage/v1"
	"k8s.io/component-helpers/storage/volume"
)

// claimResize refuses the growth of claims that cannot grow.
func claimResize() Plugin {
	return Plugin{Name: "PersistentVolumeClaimResize", On: []admission.Operation{admission.Update}, Does: validates, New: func(in Inputs) (Rules, error) {
		classes := in.Informers.Storage().V1().StorageClasses()
		p := &claimGrowth{in.gate, in.Client, classes.Lister()}
		return Rules{Needs: synced{classes.Informer()}, Validate: p.validate}, nil
	}}
}

// claimGrowth checks the growth of claims.
type claimGrowth struct {
	gate
	client  kubernetes.Interface
	classes storagelisters.StorageClassLister
}

// validate refuses the growth of a claim that cannot grow.
func (p *claimGrowth) validate(ctx context.Context, a admission.Attributes) error {
	if a.GetResource().GroupResource() != corev1.Resource("persistentvolumeclaims") || a.GetSubresource() != "" {
		return nil
	}
	claim, ok := a.GetObject().(*corev1.PersistentVolumeClaim)
	old, okOld := a.GetOldObject().(*corev1.PersistentVolumeClaim)
	if !ok || !okOld {
		return apierrors.NewBadRequest(fmt.Sprintf("expected claims, got a %T and a %T", a.GetObject(), a.GetOldObject()))
	}
	if before := old.Spec.Resources.Requests.Storage(); claim.Spec.Resources.Requests.Storage().Cmp(*before) <= 0 {
		return nil
	}
	if old.Status.Phase != corev1.ClaimBound {
		return admission.NewForbidden(a, fmt.Errorf("only bound persistent volume claims can be expanded"))
	}
	allowed, err := p.allowed(ctx, a, old)
	if err != nil {
		return err
	}
	if !allowed {
		return admission.NewForbidden(a, fmt.Errorf("only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize"))
	}
	return nil
}

// allowed reports whether the claim's class lets volumes grow.
func (p *claimGrowth) allowed(ctx context.Context, a admission.Attributes, claim *corev1.PersistentVolumeClaim) (bool, error) {
	name := volume.GetPersistentVolumeClaimClass(claim)
	if name == "" {
		return false, nil
	}
	if err := p.ready(a); err != nil {
		return false, err
	}
	class, err := p.classes.Get(name)
	if apierrors.IsNotFound(err) {
		class, err = p.client.StorageV1().StorageClasses().Get(ctx, name, metav1.GetOptions{})
	}
	if apierrors.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look up storage class %q: %w", name, err)
	}
	return class.AllowVolumeExpansion != nil && *class.AllowVolumeExpansion, nil
}
