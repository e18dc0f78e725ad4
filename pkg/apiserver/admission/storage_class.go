package admission

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apiserver/pkg/admission"
	storagelisters "k8s.io/client-go/listers/storage/v1"
)

// Annotations that mark a class as default; the second one is from before storage.k8s.io/v1.
const (
	defaultAnnotation     = "storageclass.kubernetes.io/is-default-class"
	betaDefaultAnnotation = "storageclass.beta.kubernetes.io/is-default-class"
)

// defaultStorageClass gives claims without a class the default one.
func defaultStorageClass() Plugin {
	return Plugin{Name: "DefaultStorageClass", On: []admission.Operation{admission.Create}, Does: mutates, New: func(in Inputs) (Rules, error) {
		classes := in.Informers.Storage().V1().StorageClasses()
		p := &defaultStorage{in.gate, classes.Lister()}
		return Rules{Needs: synced{classes.Informer()}, Admit: p.admit}, nil
	}}
}

// defaultStorage gives claims the default class.
type defaultStorage struct {
	gate
	classes storagelisters.StorageClassLister
}

// admit sets the class of a claim that has none. An empty name is a class too: it wants no provisioning.
func (p *defaultStorage) admit(_ context.Context, a admission.Attributes) error {
	if a.GetResource().GroupResource() != corev1.Resource("persistentvolumeclaims") || a.GetSubresource() != "" {
		return nil
	}
	claim, ok := a.GetObject().(*corev1.PersistentVolumeClaim)
	if !ok {
		return apierrors.NewBadRequest(fmt.Sprintf("expected a PersistentVolumeClaim, got a %T", a.GetObject()))
	}
	if _, annotated := claim.Annotations[corev1.BetaStorageClassAnnotation]; annotated || claim.Spec.StorageClassName != nil {
		return nil
	}
	if err := p.ready(a); err != nil {
		return err
	}
	all, err := p.classes.List(labels.Everything())
	if err != nil {
		return admission.NewForbidden(a, fmt.Errorf("list storage classes: %w", err))
	}
	if class := newestDefault(all, defaultAnnotation, betaDefaultAnnotation); class != nil {
		name := class.Name
		claim.Spec.StorageClassName = &name
	}
	return nil
}
