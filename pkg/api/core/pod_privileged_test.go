package core

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
)

func TestPrivileged(t *testing.T) {
	yes := true
	pod := &corev1.Pod{}
	pod.Spec.InitContainers = []corev1.Container{{}}
	pod.Spec.Containers = []corev1.Container{{}, {SecurityContext: &corev1.SecurityContext{Privileged: &yes}}}
	const field = "spec.containers[1].securityContext.privileged"
	for forbid, want := range map[bool]int{true: 1, false: 0} {
		got := 0
		for _, err := range validatePod(forbid)(pod) {
			if err.Field == field {
				got++
			}
		}
		if got != want {
			t.Errorf("forbid %v: %d faults at %s, want %d", forbid, got, field, want)
		}
	}
}
