package job

import (
	"testing"

	batch "k8s.io/api/batch/v1"
	v1 "k8s.io/api/core/v1"
)

func exited(container string, code int32) *v1.Pod {
	pod := parsePod("a failed")
	pod.Status.ContainerStatuses = []v1.ContainerStatus{{Name: container, State: v1.ContainerState{Terminated: &v1.ContainerStateTerminated{ExitCode: code}}}}
	return pod
}

func TestJudgeFailure(t *testing.T) {
	main := "main"
	job := newJob()
	job.Spec.PodFailurePolicy = &batch.PodFailurePolicy{Rules: []batch.PodFailurePolicyRule{
		{Action: batch.PodFailurePolicyActionIgnore, OnPodConditions: []batch.PodFailurePolicyOnPodConditionsPattern{{Type: v1.DisruptionTarget, Status: v1.ConditionTrue}}},
		{Action: batch.PodFailurePolicyActionFailJob, OnExitCodes: &batch.PodFailurePolicyOnExitCodesRequirement{ContainerName: &main, Operator: batch.PodFailurePolicyOnExitCodesOpIn, Values: []int32{42}}},
		{Action: batch.PodFailurePolicyActionFailIndex, OnExitCodes: &batch.PodFailurePolicyOnExitCodesRequirement{Operator: batch.PodFailurePolicyOnExitCodesOpNotIn, Values: []int32{1, 42}}},
	}}
	disrupted := exited("main", 42)
	disrupted.Status.Conditions = []v1.PodCondition{{Type: v1.DisruptionTarget, Status: v1.ConditionTrue}}
	tests := []struct {
		name    string
		pod     *v1.Pod
		action  batch.PodFailurePolicyAction
		message string
	}{
		{"disrupted", disrupted, batch.PodFailurePolicyActionIgnore, "Pod default/a has condition DisruptionTarget matching Ignore rule at index 0"},
		{"code of the container", exited("main", 42), batch.PodFailurePolicyActionFailJob, "Container main for pod default/a failed with exit code 42 matching FailJob rule at index 1"},
		{"code of another container", exited("side", 42), batch.PodFailurePolicyActionCount, ""},
		{"not in", exited("main", 3), batch.PodFailurePolicyActionFailIndex, "Container main for pod default/a failed with exit code 3 matching FailIndex rule at index 2"},
		{"success never matches", exited("main", 0), batch.PodFailurePolicyActionCount, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := judgeFailure(job, test.pod)
			if got.action != test.action || got.message != test.message {
				t.Errorf("answer %+v, want %s %q", got, test.action, test.message)
			}
		})
	}
}

func TestSuccessRule(t *testing.T) {
	some, two := "0-2", int32(2)
	job := newJob(withIndexes(5))
	job.Spec.SuccessPolicy = &batch.SuccessPolicy{Rules: []batch.SuccessPolicyRule{{SucceededIndexes: &some}, {SucceededIndexes: &some, SucceededCount: &two}, {SucceededCount: func() *int32 { n := int32(3); return &n }()}}}
	tests := []struct {
		completed string
		rule      int
		ok        bool
	}{{"", 0, false}, {"0", 0, false}, {"0,1", 1, true}, {"0-2", 0, true}, {"2-4", 2, true}, {"3,4", 0, false}}
	for _, test := range tests {
		if rule, ok := successRule(job, parseIndexes(test.completed, 5)); rule != test.rule || ok != test.ok {
			t.Errorf("completed %q: rule %d %v, want %d %v", test.completed, rule, ok, test.rule, test.ok)
		}
	}
}
