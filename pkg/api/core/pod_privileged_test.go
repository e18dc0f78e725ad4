package core

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// TestPrivileged looks for the flag's rule in every sort of container, those that come later included.
func TestPrivileged(t *testing.T) {
	with := func(ephemeral bool) *corev1.Pod {
		yes := &corev1.SecurityContext{Privileged: new(true)}
		p := &corev1.Pod{Spec: corev1.PodSpec{
			InitContainers: []corev1.Container{{Name: "a"}, {Name: "b", SecurityContext: yes}},
			Containers:     []corev1.Container{{Name: "c", SecurityContext: yes}, {Name: "d"}},
		}}
		if ephemeral {
			p.Spec.EphemeralContainers = []corev1.EphemeralContainer{{EphemeralContainerCommon: corev1.EphemeralContainerCommon{Name: "e", SecurityContext: yes}}}
		}
		return p
	}
	refused := func(errs field.ErrorList) []string {
		var out []string
		for _, err := range errs {
			if err.Type == field.ErrorTypeForbidden && err.Detail == "disallowed by cluster policy" {
				out = append(out, err.Field)
			}
		}
		return out
	}
	want := []string{"spec.initContainers[1].securityContext.privileged", "spec.containers[0].securityContext.privileged", "spec.ephemeralContainers[0].securityContext.privileged"}
	if diff := cmp.Diff(want, refused(validateEphemeral(true)(with(true), with(false)))); diff != "" {
		t.Errorf("ephemeral containers (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want[:2], refused(validatePod(true)(with(false)))); diff != "" {
		t.Errorf("pod (-want +got):\n%s", diff)
	}
	if got := refused(validatePod(false)(with(false))); got != nil {
		t.Errorf("pod, with --allow-privileged: %v", got)
	}
	if got := refused(validateEphemeral(false)(with(true), with(false))); got != nil {
		t.Errorf("with --allow-privileged: %v", got)
	}
}
