package admission

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/admission"
)

// Finalizers that controllers take away when the object is not in use.
const (
	claimFinalizer           = "kubernetes.io/pvc-protection"
	volumeFinalizer          = "kubernetes.io/pv-protection"
	attributesClassFinalizer = "kubernetes.io/vac-protection"
)

// storageProtection gives claims, volumes and their attributes classes the finalizer that keeps them while they are used.
func storageProtection() Plugin {
	return Plugin{Name: "StorageObjectInUseProtection", Off: true, On: []admission.Operation{admission.Create}, Does: mutates, New: func(in Inputs) (Rules, error) {
		return Rules{Admit: protect}, nil
	}}
}

func finalizerOf(r schema.GroupResource) string {
	switch r {
	case corev1.Resource("persistentvolumeclaims"):
		return claimFinalizer
	case corev1.Resource("persistentvolumes"):
		return volumeFinalizer
	case storagev1.Resource("volumeattributesclasses"):
		return attributesClassFinalizer
	}
	return ""
}

// protect adds the finalizer to a new object.
func protect(_ context.Context, a admission.Attributes) error {
	finalizer := finalizerOf(a.GetResource().GroupResource())
	if finalizer == "" || a.GetSubresource() != "" {
		return nil
	}
	m, ok := a.GetObject().(metav1.Object)
	if !ok {
		return apierrors.NewBadRequest(fmt.Sprintf("expected an object, got a %T", a.GetObject()))
	}
	if all := m.GetFinalizers(); !slices.Contains(all, finalizer) {
		m.SetFinalizers(append(all, finalizer))
	}
	return nil
}
