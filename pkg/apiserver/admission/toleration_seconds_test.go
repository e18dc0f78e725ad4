package admission

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apiserver/pkg/admission"
)

func TestTolerationSeconds(t *testing.T) {
	seconds := func(n int64) *int64 { return &n }
	added := func(key string, after int64) corev1.Toleration {
		return corev1.Toleration{Key: key, Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute, TolerationSeconds: seconds(after)}
	}
	notReady, unreachable := added(corev1.TaintNodeNotReady, 300), added(corev1.TaintNodeUnreachable, 60)
	own := corev1.Toleration{Key: corev1.TaintNodeNotReady, Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute, TolerationSeconds: seconds(5)}
	everything := corev1.Toleration{Operator: corev1.TolerationOpExists}
	scheduling := corev1.Toleration{Key: corev1.TaintNodeNotReady, Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoSchedule}
	for _, c := range []struct {
		name      string
		has, want []corev1.Toleration
	}{
		{"none", nil, []corev1.Toleration{notReady, unreachable}},
		{"one of its own", []corev1.Toleration{own}, []corev1.Toleration{own, unreachable}},
		{"everything", []corev1.Toleration{everything}, []corev1.Toleration{everything}},
		{"another effect", []corev1.Toleration{scheduling}, []corev1.Toleration{scheduling, notReady, unreachable}},
	} {
		pod := &corev1.Pod{Spec: corev1.PodSpec{Tolerations: c.has}}
		a := admission.NewAttributesRecord(pod, nil, corev1.SchemeGroupVersion.WithKind("Pod"), "ns", "p", corev1.SchemeGroupVersion.WithResource("pods"), "", admission.Create, nil, false, nil)
		if err := build(t, tolerationSeconds(), Inputs{Settings: Settings{NotReadySeconds: 300, UnreachableSeconds: 60}}).Admit(t.Context(), a); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if diff := cmp.Diff(c.want, pod.Spec.Tolerations); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}
