package admission

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
)

func TestClaimResize(t *testing.T) {
	yes := true
	client := fake.NewClientset(&storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: "grows"}, AllowVolumeExpansion: &yes}, &storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: "fixed"}})
	p := build(t, claimResize(), Inputs{Informers: informers.NewSharedInformerFactory(client, 0), Client: client})
	claim := func(class, size string, phase corev1.PersistentVolumeClaimPhase) *corev1.PersistentVolumeClaim {
		return &corev1.PersistentVolumeClaim{Status: corev1.PersistentVolumeClaimStatus{Phase: phase}, Spec: corev1.PersistentVolumeClaimSpec{StorageClassName: &class,
			Resources: corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse(size)}}}}
	}
	for _, c := range []struct {
		name, class, from, to string
		phase                 corev1.PersistentVolumeClaimPhase
		says                  string
	}{
		{"growth", "grows", "1Gi", "2Gi", corev1.ClaimBound, ""},
		{"the same", "fixed", "1Gi", "1024Mi", corev1.ClaimPending, ""},
		{"less, which validation judges", "fixed", "2Gi", "1Gi", corev1.ClaimBound, ""},
		{"not bound", "grows", "1Gi", "2Gi", corev1.ClaimPending, "only bound persistent volume claims can be expanded"},
		{"a class that does not grow", "fixed", "1Gi", "2Gi", corev1.ClaimBound, "must support resize"},
		{"a class that there is not", "none", "1Gi", "2Gi", corev1.ClaimBound, "must support resize"},
		{"no class", "", "1Gi", "2Gi", corev1.ClaimBound, "must support resize"},
	} {
		a := admission.NewAttributesRecord(claim(c.class, c.to, c.phase), claim(c.class, c.from, c.phase), corev1.SchemeGroupVersion.WithKind("PersistentVolumeClaim"), "ns", "c",
			corev1.SchemeGroupVersion.WithResource("persistentvolumeclaims"), "", admission.Update, nil, false, nil)
		err := p.Validate(t.Context(), a)
		if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: got %v, want ...%s", c.name, err, c.says)
		}
	}
}
