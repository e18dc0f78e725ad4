package admission

import (
	"context"
	"fmt"

	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apiserver/pkg/admission"
	networkinglisters "k8s.io/client-go/listers/networking/v1"
)

// classAnnotation named an ingress's class before the field did.
const classAnnotation = "kubernetes.io/ingress.class"

// defaultIngressClass gives ingresses without a class the default one.
func defaultIngressClass() Plugin {
	return Plugin{Name: "DefaultIngressClass", On: []admission.Operation{admission.Create}, Does: mutates, New: func(in Inputs) (Rules, error) {
		classes := in.Informers.Networking().V1().IngressClasses()
		p := &defaultIngress{in.gate, classes.Lister()}
		return Rules{Needs: synced{classes.Informer()}, Admit: p.admit}, nil
	}}
}

// defaultIngress gives ingresses the default class.
type defaultIngress struct {
	gate
	classes networkinglisters.IngressClassLister
}

// admit sets the class of an ingress that has none.
func (p *defaultIngress) admit(_ context.Context, a admission.Attributes) error {
	if a.GetResource().GroupResource() != networkingv1.Resource("ingresses") || a.GetSubresource() != "" {
		return nil
	}
	ingress, ok := a.GetObject().(*networkingv1.Ingress)
	if !ok {
		return apierrors.NewBadRequest(fmt.Sprintf("expected an Ingress, got a %T", a.GetObject()))
	}
	if _, annotated := ingress.Annotations[classAnnotation]; annotated || ingress.Spec.IngressClassName != nil {
		return nil
	}
	if err := p.ready(a); err != nil {
		return err
	}
	all, err := p.classes.List(labels.Everything())
	if err != nil {
		return admission.NewForbidden(a, fmt.Errorf("list ingress classes: %w", err))
	}
	if class := newestDefault(all, networkingv1.AnnotationIsDefaultIngressClass); class != nil {
		name := class.Name
		ingress.Spec.IngressClassName = &name
	}
	return nil
}
