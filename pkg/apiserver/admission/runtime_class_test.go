package admission

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	nodev1 "k8s.io/api/node/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
)

func TestRuntimeClass(t *testing.T) {
	overhead := corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("1")}
	other := corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("2")}
	a, b := corev1.Toleration{Key: "a"}, corev1.Toleration{Key: "b"}
	// The informer knows none: all come from storage.
	client := fake.NewClientset(
		&nodev1.RuntimeClass{ObjectMeta: metav1.ObjectMeta{Name: "plain"}},
		&nodev1.RuntimeClass{ObjectMeta: metav1.ObjectMeta{Name: "full"}, Overhead: &nodev1.Overhead{PodFixed: overhead},
			Scheduling: &nodev1.Scheduling{NodeSelector: map[string]string{"k": "v"}, Tolerations: []corev1.Toleration{a, b}}})
	p := build(t, runtimeClass(), Inputs{Informers: informers.NewSharedInformerFactory(client, 0), Client: client})
	name := func(s string) *string { return &s }
	for _, c := range []struct {
		name      string
		pod, want corev1.PodSpec
		says      string
	}{
		{"no class", corev1.PodSpec{}, corev1.PodSpec{}, ""},
		{"no class, but overhead", corev1.PodSpec{Overhead: overhead}, corev1.PodSpec{}, "Pod Overhead set without corresponding RuntimeClass defined Overhead"},
		{"a class that there is not", corev1.PodSpec{RuntimeClassName: name("none")}, corev1.PodSpec{}, `RuntimeClass "none" not found`},
		{"a class without demands", corev1.PodSpec{RuntimeClassName: name("plain")}, corev1.PodSpec{RuntimeClassName: name("plain")}, ""},
		{"a class without overhead", corev1.PodSpec{RuntimeClassName: name("plain"), Overhead: overhead}, corev1.PodSpec{}, "Pod Overhead set without"},
		{"a class with all", corev1.PodSpec{RuntimeClassName: name("full"), Tolerations: []corev1.Toleration{b}, NodeSelector: map[string]string{"x": "y"}},
			corev1.PodSpec{RuntimeClassName: name("full"), Overhead: overhead, Tolerations: []corev1.Toleration{b, a}, NodeSelector: map[string]string{"x": "y", "k": "v"}}, ""},
		{"another overhead", corev1.PodSpec{RuntimeClassName: name("full"), Overhead: other}, corev1.PodSpec{}, "doesn't match RuntimeClass's defined Overhead"},
		{"another place", corev1.PodSpec{RuntimeClassName: name("full"), NodeSelector: map[string]string{"k": "w"}}, corev1.PodSpec{}, "conflict: runtimeClass.scheduling.nodeSelector[k] = v; pod.spec.nodeSelector[k] = w"},
	} {
		pod := &corev1.Pod{Spec: c.pod}
		r := admission.NewAttributesRecord(pod, nil, corev1.SchemeGroupVersion.WithKind("Pod"), "ns", "p", corev1.SchemeGroupVersion.WithResource("pods"), "", admission.Create, nil, false, nil)
		err := p.Admit(t.Context(), r)
		if err == nil {
			err = p.Validate(t.Context(), r)
		}
		if c.says != "" {
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%s: got %v, want ...%s", c.name, err, c.says)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if diff := cmp.Diff(c.want, pod.Spec); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}
