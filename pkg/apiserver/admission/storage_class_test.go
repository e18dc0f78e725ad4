package admission

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
)

func TestDefaultStorageClass(t *testing.T) {
	class := func(name string, hour int, annotation string) *storagev1.StorageClass {
		return &storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: name, Annotations: map[string]string{annotation: "true"},
			CreationTimestamp: metav1.NewTime(time.Date(2026, 1, 1, hour, 0, 0, 0, time.UTC))}}
	}
	plain, old, beta := class("plain", 9, "other"), class("old", 1, defaultAnnotation), class("beta", 2, betaDefaultAnnotation)
	newest, twin := class("b", 3, defaultAnnotation), class("a", 3, defaultAnnotation)
	none, own := "", "own"
	for _, c := range []struct {
		name    string
		classes []*storagev1.StorageClass
		claim   *corev1.PersistentVolumeClaim
		want    *string
	}{
		{"no default", []*storagev1.StorageClass{plain}, &corev1.PersistentVolumeClaim{}, nil},
		{"one default", []*storagev1.StorageClass{plain, old}, &corev1.PersistentVolumeClaim{}, &old.Name},
		{"by the old annotation", []*storagev1.StorageClass{beta}, &corev1.PersistentVolumeClaim{}, &beta.Name},
		{"the newest", []*storagev1.StorageClass{old, newest, beta}, &corev1.PersistentVolumeClaim{}, &newest.Name},
		{"the first by name of the newest", []*storagev1.StorageClass{newest, twin, old}, &corev1.PersistentVolumeClaim{}, &twin.Name},
		{"a class of its own", []*storagev1.StorageClass{old}, &corev1.PersistentVolumeClaim{Spec: corev1.PersistentVolumeClaimSpec{StorageClassName: &own}}, &own},
		{"no class on purpose", []*storagev1.StorageClass{old}, &corev1.PersistentVolumeClaim{Spec: corev1.PersistentVolumeClaimSpec{StorageClassName: &none}}, &none},
		{"a class by annotation", []*storagev1.StorageClass{old}, &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{corev1.BetaStorageClassAnnotation: "x"}}}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			factory := informers.NewSharedInformerFactory(fake.NewClientset(), 0)
			for _, class := range c.classes {
				if err := factory.Storage().V1().StorageClasses().Informer().GetIndexer().Add(class); err != nil {
					t.Fatal(err)
				}
			}
			p := build(t, defaultStorageClass(), Inputs{Informers: factory})
			a := admission.NewAttributesRecord(c.claim, nil, corev1.SchemeGroupVersion.WithKind("PersistentVolumeClaim"), "ns", "c", corev1.SchemeGroupVersion.WithResource("persistentvolumeclaims"), "", admission.Create, nil, false, nil)
			if err := p.Admit(t.Context(), a); err != nil {
				t.Fatal(err)
			}
			if got := c.claim.Spec.StorageClassName; (got == nil) != (c.want == nil) || got != nil && *got != *c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}
