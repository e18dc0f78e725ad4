package pods

import (
	"iter"

	v1 "k8s.io/api/core/v1"
)

// IsSidecar says whether an init container is restartable, so that it runs beside the ordinary containers (KEP-753).
func IsSidecar(c *v1.Container) bool {
	return c.RestartPolicy != nil && *c.RestartPolicy == v1.ContainerRestartPolicyAlways
}

// AllContainers yields init, ordinary and ephemeral containers in this order. The pointers lead into the pod, but for
// ephemeral containers, which come as copies in the form of ordinary ones.
func AllContainers(pod *v1.Pod) iter.Seq[*v1.Container] {
	return func(yield func(*v1.Container) bool) {
		for i := range pod.Spec.InitContainers {
			if !yield(&pod.Spec.InitContainers[i]) {
				return
			}
		}
		for i := range pod.Spec.Containers {
			if !yield(&pod.Spec.Containers[i]) {
				return
			}
		}
		for i := range pod.Spec.EphemeralContainers {
			c := v1.Container(pod.Spec.EphemeralContainers[i].EphemeralContainerCommon)
			if !yield(&c) {
				return
			}
		}
	}
}

// Container returns the container of that name, of whatever sort, or nil.
func Container(pod *v1.Pod, name string) *v1.Container {
	for c := range AllContainers(pod) {
		if c.Name == name {
			return c
		}
	}
	return nil
}

// FieldPath returns how events name the container of a pod ("spec.containers{name}"), or "" when it has none such.
func FieldPath(pod *v1.Pod, name string) string {
	for i := range pod.Spec.Containers {
		if pod.Spec.Containers[i].Name == name {
			return "spec.containers{" + name + "}"
		}
	}
	for i := range pod.Spec.InitContainers {
		if pod.Spec.InitContainers[i].Name == name {
			return "spec.initContainers{" + name + "}"
		}
	}
	for i := range pod.Spec.EphemeralContainers {
		if pod.Spec.EphemeralContainers[i].Name == name {
			return "spec.ephemeralContainers{" + name + "}"
		}
	}
	return ""
}

// AfterExit is what becomes of a container that has ended.
type AfterExit int

// What may follow an exit.
const (
	StayDown AfterExit = iota
	Restart
	// RestartPod restarts all containers of the pod, init containers first (KEP-5532).
	RestartPod
)

// OnExit decides by the container's own rules (KEP-5307), its own policy, and the pod's policy, in this order. init says
// that it is an init container, which an Always pod does not run again once it has succeeded.
func OnExit(pod *v1.Pod, c *v1.Container, init bool, exitCode int32) AfterExit {
	for _, rule := range c.RestartPolicyRules {
		if !ruleMatches(rule, exitCode) {
			continue
		}
		switch rule.Action {
		case v1.ContainerRestartRuleActionRestart:
			return Restart
		case v1.ContainerRestartRuleActionRestartAllContainers:
			return RestartPod
		}
	}
	policy := v1.ContainerRestartPolicy(pod.Spec.RestartPolicy)
	if c.RestartPolicy != nil {
		policy = *c.RestartPolicy
	} else if init && policy == v1.ContainerRestartPolicyAlways {
		policy = v1.ContainerRestartPolicyOnFailure
	}
	switch {
	case policy == v1.ContainerRestartPolicyNever:
		return StayDown
	case policy == v1.ContainerRestartPolicyOnFailure && exitCode == 0:
		return StayDown
	}
	return Restart
}

func ruleMatches(rule v1.ContainerRestartRule, exitCode int32) bool {
	if rule.ExitCodes == nil {
		return false
	}
	in := false
	for _, v := range rule.ExitCodes.Values {
		in = in || v == exitCode
	}
	switch rule.ExitCodes.Operator {
	case v1.ContainerRestartRuleOnExitCodesOpIn:
		return in
	case v1.ContainerRestartRuleOnExitCodesOpNotIn:
		return !in
	}
	return false
}
