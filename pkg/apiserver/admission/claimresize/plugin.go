package claimresize

import (
	"context"
	"fmt"
	"io"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/admission/initializer"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	storagelisters "k8s.io/client-go/listers/storage/v1"
	"k8s.io/component-helpers/storage/volume"
)

// Name of the plugin.
const Name = "PersistentVolumeClaimResize"

// Plugin checks the growth of claims.
type Plugin struct {
	*admission.Handler
	client  kubernetes.Interface
	classes storagelisters.StorageClassLister
}

var (
	_ admission.ValidationInterface                = (*Plugin)(nil)
	_ initializer.WantsExternalKubeInformerFactory = (*Plugin)(nil)
	_ initializer.WantsExternalKubeClientSet       = (*Plugin)(nil)
)

// Register adds the plugin to the registry.
func Register(plugins *admission.Plugins) {
	plugins.Register(Name, func(io.Reader) (admission.Interface, error) {
		return &Plugin{Handler: admission.NewHandler(admission.Update)}, nil
	})
}

// SetExternalKubeInformerFactory gives the plugin its informers.
func (p *Plugin) SetExternalKubeInformerFactory(f informers.SharedInformerFactory) {
	classes := f.Storage().V1().StorageClasses()
	p.classes = classes.Lister()
	p.SetReadyFunc(classes.Informer().HasSynced)
}

// SetExternalKubeClientSet gives the plugin its client.
func (p *Plugin) SetExternalKubeClientSet(c kubernetes.Interface) { p.client = c }

// ValidateInitialization checks that everything was given.
func (p *Plugin) ValidateInitialization() error {
	if p.classes == nil || p.client == nil {
		return fmt.Errorf("admission plugin %s needs informers and a client", Name)
	}
	return nil
}

// Validate refuses the growth of a claim that cannot grow.
func (p *Plugin) Validate(ctx context.Context, a admission.Attributes, _ admission.ObjectInterfaces) error {
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
func (p *Plugin) allowed(ctx context.Context, a admission.Attributes, claim *corev1.PersistentVolumeClaim) (bool, error) {
	name := volume.GetPersistentVolumeClaimClass(claim)
	if name == "" {
		return false, nil
	}
	if !p.WaitForReady() {
		return false, admission.NewForbidden(a, fmt.Errorf("not yet ready to handle request"))
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
