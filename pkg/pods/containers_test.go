package pods

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
)

func TestOnExit(t *testing.T) {
	rule := func(action v1.ContainerRestartRuleAction, op v1.ContainerRestartRuleOnExitCodesOperator, codes ...int32) []v1.ContainerRestartRule {
		return []v1.ContainerRestartRule{{Action: action, ExitCodes: &v1.ContainerRestartRuleOnExitCodes{Operator: op, Values: codes}}}
	}
	never := v1.ContainerRestartPolicyNever
	for _, tc := range []struct {
		name   string
		policy v1.RestartPolicy
		c      v1.Container
		init   bool
		code   int32
		want   AfterExit
	}{
		{"always", v1.RestartPolicyAlways, v1.Container{}, false, 0, Restart},
		{"init container of an always pod succeeded", v1.RestartPolicyAlways, v1.Container{}, true, 0, StayDown},
		{"init container of an always pod failed", v1.RestartPolicyAlways, v1.Container{}, true, 1, Restart},
		{"on failure, success", v1.RestartPolicyOnFailure, v1.Container{}, false, 0, StayDown},
		{"on failure, failure", v1.RestartPolicyOnFailure, v1.Container{}, false, 2, Restart},
		{"never", v1.RestartPolicyNever, v1.Container{}, false, 2, StayDown},
		{"the container's own policy", v1.RestartPolicyAlways, v1.Container{RestartPolicy: &never}, false, 2, StayDown},
		{"rule matches", v1.RestartPolicyNever, v1.Container{RestartPolicyRules: rule(v1.ContainerRestartRuleActionRestart, v1.ContainerRestartRuleOnExitCodesOpIn, 42)}, false, 42, Restart},
		{"rule does not match", v1.RestartPolicyNever, v1.Container{RestartPolicyRules: rule(v1.ContainerRestartRuleActionRestart, v1.ContainerRestartRuleOnExitCodesOpIn, 42)}, false, 41, StayDown},
		{"rule for all but", v1.RestartPolicyNever, v1.Container{RestartPolicyRules: rule(v1.ContainerRestartRuleActionRestartAllContainers, v1.ContainerRestartRuleOnExitCodesOpNotIn, 0)}, false, 9, RestartPod},
	} {
		t.Run(tc.name, func(t *testing.T) {
			pod := &v1.Pod{Spec: v1.PodSpec{RestartPolicy: tc.policy}}
			if got := OnExit(pod, &tc.c, tc.init, tc.code); got != tc.want {
				t.Errorf("got %v, want %v", got, tc.want)
			}
		})
	}
}

func TestContainers(t *testing.T) {
	pod := &v1.Pod{Spec: v1.PodSpec{
		InitContainers: []v1.Container{{Name: "i"}}, Containers: []v1.Container{{Name: "c"}},
		EphemeralContainers: []v1.EphemeralContainer{{EphemeralContainerCommon: v1.EphemeralContainerCommon{Name: "e"}}},
	}}
	var got []string
	for c := range AllContainers(pod) {
		got = append(got, FieldPath(pod, c.Name))
	}
	if diff := cmp.Diff([]string{"spec.initContainers{i}", "spec.containers{c}", "spec.ephemeralContainers{e}"}, got); diff != "" {
		t.Errorf("field paths (-want +got):\n%s", diff)
	}
	if Container(pod, "none") != nil || Container(pod, "e").Name != "e" || FieldPath(pod, "none") != "" {
		t.Error("a container is found where there is none, or not where there is one")
	}
}
