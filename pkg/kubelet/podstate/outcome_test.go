package podstate

import (
	"testing"

	v1 "k8s.io/api/core/v1"
)

func TestOutcome(t *testing.T) {
	exit := func(name string, code int32) Container {
		return Container{ID: name, Name: name, Phase: Exited, ExitCode: code}
	}
	run := func(name string) Container { return Container{ID: name, Name: name, Phase: Running} }
	always := v1.ContainerRestartPolicyAlways
	for _, tc := range []struct {
		name         string
		policy       v1.RestartPolicy
		containers   []Container
		status       []v1.ContainerStatus
		done, failed bool
	}{
		{"one runs", v1.RestartPolicyNever, []Container{exit("a", 0), run("b")}, nil, false, false},
		{"both succeeded", v1.RestartPolicyOnFailure, []Container{exit("a", 0), exit("b", 0)}, nil, true, false},
		{"one failed and is restarted", v1.RestartPolicyOnFailure, []Container{exit("a", 0), exit("b", 1)}, nil, false, false},
		{"one failed for good", v1.RestartPolicyNever, []Container{exit("a", 0), exit("b", 1)}, nil, true, true},
		{"always", v1.RestartPolicyAlways, []Container{exit("a", 0), exit("b", 0)}, nil, false, false},
		{"a sidecar does not count", v1.RestartPolicyNever, []Container{run("side"), exit("a", 0), exit("b", 0)}, nil, true, false},
		{"an init container failed for good", v1.RestartPolicyNever, []Container{exit("init", 3)}, nil, true, true},
		{"an init container failed", v1.RestartPolicyAlways, []Container{exit("init", 3)}, nil, false, false},
		{"the runtime has lost one, the API knows its end", v1.RestartPolicyNever, []Container{exit("a", 0)},
			[]v1.ContainerStatus{{Name: "b", State: v1.ContainerState{Terminated: &v1.ContainerStateTerminated{ExitCode: 2}}}}, true, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			pod := &v1.Pod{Spec: v1.PodSpec{
				RestartPolicy:  tc.policy,
				InitContainers: []v1.Container{{Name: "init"}, {Name: "side", RestartPolicy: &always}},
				Containers:     []v1.Container{{Name: "a"}, {Name: "b"}},
			}, Status: v1.PodStatus{ContainerStatuses: tc.status}}
			done, failed := Outcome(pod, &Observed{Containers: tc.containers})
			if done != tc.done || failed != tc.failed {
				t.Errorf("done=%v failed=%v, want %v %v", done, failed, tc.done, tc.failed)
			}
		})
	}
}
