package job

import (
	"fmt"
	"slices"

	batch "k8s.io/api/batch/v1"
	v1 "k8s.io/api/core/v1"
)

// answer is what the pod failure policy says of a failed pod.
type answer struct {
	action batch.PodFailurePolicyAction
	// message says which rule matched, for action FailJob.
	message string
}

// judgeFailure applies the Job's pod failure policy; the first rule that matches counts.
func judgeFailure(job *batch.Job, pod *v1.Pod) answer {
	if job.Spec.PodFailurePolicy == nil {
		return answer{action: batch.PodFailurePolicyActionCount}
	}
	for i, rule := range job.Spec.PodFailurePolicy.Rules {
		if c := byExitCode(rule.OnExitCodes, pod); c != nil {
			return answer{rule.Action, fmt.Sprintf("Container %s for pod %s/%s failed with exit code %v matching %v rule at index %d",
				c.Name, pod.Namespace, pod.Name, c.State.Terminated.ExitCode, rule.Action, i)}
		}
		if c := byCondition(rule.OnPodConditions, pod); c != nil {
			return answer{rule.Action, fmt.Sprintf("Pod %s/%s has condition %v matching %v rule at index %d", pod.Namespace, pod.Name, c.Type, rule.Action, i)}
		}
	}
	return answer{action: batch.PodFailurePolicyActionCount}
}

// byExitCode finds a container that ended with a code that the rule names. Success never matches.
func byExitCode(rule *batch.PodFailurePolicyOnExitCodesRequirement, pod *v1.Pod) *v1.ContainerStatus {
	if rule == nil {
		return nil
	}
	for _, statuses := range [][]v1.ContainerStatus{pod.Status.ContainerStatuses, pod.Status.InitContainerStatuses} {
		for i := range statuses {
			c := &statuses[i]
			if c.State.Terminated == nil || c.State.Terminated.ExitCode == 0 || (rule.ContainerName != nil && *rule.ContainerName != c.Name) {
				continue
			}
			named := slices.Contains(rule.Values, c.State.Terminated.ExitCode)
			if named == (rule.Operator == batch.PodFailurePolicyOnExitCodesOpIn) {
				return c
			}
		}
	}
	return nil
}

func byCondition(patterns []batch.PodFailurePolicyOnPodConditionsPattern, pod *v1.Pod) *v1.PodCondition {
	for i := range pod.Status.Conditions {
		c := &pod.Status.Conditions[i]
		if slices.ContainsFunc(patterns, func(p batch.PodFailurePolicyOnPodConditionsPattern) bool {
			return p.Type == c.Type && p.Status == c.Status
		}) {
			return c
		}
	}
	return nil
}

// successRule is the number of the first rule of the success policy that completed indexes satisfy; ok is false when
// none does.
func successRule(job *batch.Job, completed indexes) (number int, ok bool) {
	if job.Spec.SuccessPolicy == nil {
		return 0, false
	}
	for i, rule := range job.Spec.SuccessPolicy.Rules {
		counted, all := completed.count(), 0
		if rule.SucceededIndexes != nil {
			counted = 0
			wanted := parseIndexes(*rule.SucceededIndexes, completions(job))
			all = wanted.count()
			for _, one := range wanted {
				for n := one.first; n <= one.last; n++ {
					if completed.has(n) {
						counted++
					}
				}
			}
		}
		switch {
		case rule.SucceededCount != nil:
			ok = counted >= int(*rule.SucceededCount)
		case rule.SucceededIndexes != nil:
			ok = counted == all
		}
		if ok {
			return i, true
		}
	}
	return 0, false
}

// replacesEnding says whether a pod is replaced as soon as it is being deleted; otherwise only after it has failed.
func replacesEnding(job *batch.Job) bool {
	if job.Spec.PodReplacementPolicy != nil {
		return *job.Spec.PodReplacementPolicy == batch.TerminatingOrFailed
	}
	return job.Spec.PodFailurePolicy == nil
}
