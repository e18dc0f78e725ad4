package storageprotection

import (
	"context"
	"fmt"
	"io"
	"slices"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/admission"
)

// Name of the plugin.
const Name = "StorageObjectInUseProtection"

// Finalizers that controllers take away when the object is not in use.
const (
	ClaimFinalizer           = "kubernetes.io/pvc-protection"
	VolumeFinalizer          = "kubernetes.io/pv-protection"
	AttributesClassFinalizer = "kubernetes.io/vac-protection"
)

// Plugin adds finalizers.
type Plugin struct{ *admission.Handler }

var _ admission.MutationInterface = (*Plugin)(nil)

// Register adds the plugin to the registry.
func Register(plugins *admission.Plugins) {
	plugins.Register(Name, func(io.Reader) (admission.Interface, error) {
		return &Plugin{admission.NewHandler(admission.Create)}, nil
	})
}

func finalizerOf(r schema.GroupResource) string {
	switch r {
	case corev1.Resource("persistentvolumeclaims"):
		return ClaimFinalizer
	case corev1.Resource("persistentvolumes"):
		return VolumeFinalizer
	case storagev1.Resource("volumeattributesclasses"):
		return AttributesClassFinalizer
	}
	return ""
}

// Admit adds the finalizer to a new object.
func (p *Plugin) Admit(_ context.Context, a admission.Attributes, _ admission.ObjectInterfaces) error {
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
