package admission

import (
	"testing"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
)

func TestDefaultIngressClass(t *testing.T) {
	class := func(name string, hour int, is string) *networkingv1.IngressClass {
		return &networkingv1.IngressClass{ObjectMeta: metav1.ObjectMeta{Name: name, Annotations: map[string]string{networkingv1.AnnotationIsDefaultIngressClass: is},
			CreationTimestamp: metav1.NewTime(time.Date(2026, 1, 1, hour, 0, 0, 0, time.UTC))}}
	}
	own := "own"
	for _, c := range []struct {
		name    string
		classes []*networkingv1.IngressClass
		ingress *networkingv1.Ingress
		want    string
	}{
		{"no default", []*networkingv1.IngressClass{class("a", 1, "false")}, &networkingv1.Ingress{}, ""},
		{"one default", []*networkingv1.IngressClass{class("a", 2, "false"), class("b", 1, "true")}, &networkingv1.Ingress{}, "b"},
		{"the newest", []*networkingv1.IngressClass{class("a", 1, "true"), class("b", 2, "true")}, &networkingv1.Ingress{}, "b"},
		{"the first by name of the newest", []*networkingv1.IngressClass{class("b", 1, "true"), class("a", 1, "true")}, &networkingv1.Ingress{}, "a"},
		{"a class of its own", []*networkingv1.IngressClass{class("a", 1, "true")}, &networkingv1.Ingress{Spec: networkingv1.IngressSpec{IngressClassName: &own}}, "own"},
		{"a class by annotation", []*networkingv1.IngressClass{class("a", 1, "true")}, &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{classAnnotation: "x"}}}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			factory := informers.NewSharedInformerFactory(fake.NewClientset(), 0)
			for _, class := range c.classes {
				if err := factory.Networking().V1().IngressClasses().Informer().GetIndexer().Add(class); err != nil {
					t.Fatal(err)
				}
			}
			p := build(t, defaultIngressClass(), Inputs{Informers: factory})
			a := admission.NewAttributesRecord(c.ingress, nil, networkingv1.SchemeGroupVersion.WithKind("Ingress"), "ns", "i", networkingv1.SchemeGroupVersion.WithResource("ingresses"), "", admission.Create, nil, false, nil)
			if err := p.Admit(t.Context(), a); err != nil {
				t.Fatal(err)
			}
			got := ""
			if n := c.ingress.Spec.IngressClassName; n != nil {
				got = *n
			}
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
