package admission

import (
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/admission"
)

func TestStorageProtection(t *testing.T) {
	has := metav1.ObjectMeta{Finalizers: []string{"mine", claimFinalizer}}
	for _, c := range []struct {
		name     string
		object   runtime.Object
		resource schema.GroupVersionResource
		want     []string
	}{
		{"claim", &corev1.PersistentVolumeClaim{}, corev1.SchemeGroupVersion.WithResource("persistentvolumeclaims"), []string{claimFinalizer}},
		{"claim that has it", &corev1.PersistentVolumeClaim{ObjectMeta: has}, corev1.SchemeGroupVersion.WithResource("persistentvolumeclaims"), []string{"mine", claimFinalizer}},
		{"volume", &corev1.PersistentVolume{}, corev1.SchemeGroupVersion.WithResource("persistentvolumes"), []string{volumeFinalizer}},
		{"attributes class", &storagev1.VolumeAttributesClass{}, storagev1.SchemeGroupVersion.WithResource("volumeattributesclasses"), []string{attributesClassFinalizer}},
		{"something else", &corev1.ConfigMap{}, corev1.SchemeGroupVersion.WithResource("configmaps"), nil},
	} {
		a := admission.NewAttributesRecord(c.object, nil, schema.GroupVersionKind{}, "ns", "x", c.resource, "", admission.Create, nil, false, nil)
		if err := build(t, storageProtection(), Inputs{}).Admit(t.Context(), a); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if got := c.object.(metav1.Object).GetFinalizers(); !slices.Equal(got, c.want) {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
	}
}
