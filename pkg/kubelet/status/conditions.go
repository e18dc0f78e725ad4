package status

import (
	"fmt"
	"strings"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"

	"github.com/proa-sh/proa/pkg/kubelet/podstate"
	"github.com/proa-sh/proa/pkg/pods"
)

// ownConditions are those that the kubelet sets.
var ownConditions = sets.New(v1.PodReadyToStartContainers, v1.PodInitialized, v1.PodReady, v1.ContainersReady, v1.PodScheduled,
	v1.DisruptionTarget, v1.PodResizePending, v1.PodResizeInProgress, v1.AllContainersRestarting)

// setConditions sets the conditions that the kubelet owns and leaves the others.
func setConditions(s *v1.PodStatus, view *podstate.View) {
	pod := view.Pod
	set := func(c v1.PodCondition) { setCondition(s, view, c) }
	if e := view.Ending; e != nil && e.Rejected {
		return
	}
	set(readyToStart(view))
	set(initialized(pod, s))
	containers := containersReady(pod, s)
	set(podReady(pod, s, containers))
	set(containers)
	set(v1.PodCondition{Type: v1.PodScheduled, Status: v1.ConditionTrue})
	if e := view.Ending; e != nil && e.Condition != nil {
		set(*e.Condition)
	}
	setResizeConditions(s, view)
	setRestarting(s, view)
}

// setRestarting says that all containers are ended to be restarted; afterwards it says that they no longer are (KEP-5532).
func setRestarting(s *v1.PodStatus, view *podstate.View) {
	c := v1.PodCondition{Type: v1.AllContainersRestarting, Status: v1.ConditionTrue, Reason: "ContainerExited", Message: view.RestartingAll}
	if c.Message != "" {
		setCondition(s, view, c)
		return
	}
	for _, old := range s.Conditions {
		if old.Type == c.Type && old.Status == v1.ConditionTrue {
			setCondition(s, view, v1.PodCondition{Type: c.Type, Status: v1.ConditionFalse, Reason: old.Reason, Message: old.Message})
			return
		}
	}
}

// setCondition replaces the condition of that type. The transition time changes with the status only.
func setCondition(s *v1.PodStatus, view *podstate.View, c v1.PodCondition) {
	c.ObservedGeneration = view.Generation
	for i := range s.Conditions {
		old := &s.Conditions[i]
		if old.Type != c.Type {
			continue
		}
		c.LastTransitionTime, c.LastProbeTime = old.LastTransitionTime, old.LastProbeTime
		if old.Status != c.Status {
			c.LastTransitionTime = *seconds(view.Now)
		}
		*old = c
		return
	}
	c.LastTransitionTime = *seconds(view.Now)
	s.Conditions = append(s.Conditions, c)
}

func dropCondition(s *v1.PodStatus, t v1.PodConditionType) {
	var kept []v1.PodCondition
	for _, c := range s.Conditions {
		if c.Type != t {
			kept = append(kept, c)
		}
	}
	s.Conditions = kept
}

func readyToStart(view *podstate.View) v1.PodCondition {
	c := v1.PodCondition{Type: v1.PodReadyToStartContainers, Status: v1.ConditionFalse}
	sandbox := view.Observed.ReadySandbox()
	if sandbox != nil && !view.Finished && (view.Pod.Spec.HostNetwork || len(sandbox.IPs) > 0) {
		c.Status = v1.ConditionTrue
	}
	return c
}

// initialized: every init container has succeeded, every sidecar has started, or an ordinary container has run already.
func initialized(pod *v1.Pod, s *v1.PodStatus) v1.PodCondition {
	c := v1.PodCondition{Type: v1.PodInitialized, Status: v1.ConditionTrue}
	if s.Phase == v1.PodSucceeded {
		c.Reason = "PodCompleted"
		return c
	}
	left := incomplete(pod, s)
	if len(left) == 0 || anyRan(s.ContainerStatuses) {
		return c
	}
	c.Status, c.Reason = v1.ConditionFalse, "ContainersNotInitialized"
	c.Message = fmt.Sprintf("containers with incomplete status: %s", names(left))
	return c
}

// incomplete names the init containers that have not succeeded and the sidecars that have not started.
func incomplete(pod *v1.Pod, s *v1.PodStatus) (left []string) {
	for i := range s.InitContainerStatuses {
		cs := &s.InitContainerStatuses[i]
		done := cs.Ready
		if pods.IsSidecar(&pod.Spec.InitContainers[i]) {
			done = cs.Started != nil && *cs.Started
		}
		if !done {
			left = append(left, cs.Name)
		}
	}
	return left
}

func anyRan(list []v1.ContainerStatus) bool {
	for _, cs := range list {
		if cs.ContainerID != "" {
			return true
		}
	}
	return false
}

func containersReady(pod *v1.Pod, s *v1.PodStatus) v1.PodCondition {
	c := v1.PodCondition{Type: v1.ContainersReady, Status: v1.ConditionFalse}
	switch s.Phase {
	case v1.PodSucceeded:
		c.Reason = "PodCompleted"
		return c
	case v1.PodFailed:
		c.Reason = "PodFailed"
		return c
	}
	var unready []string
	for i := range s.InitContainerStatuses {
		if pods.IsSidecar(&pod.Spec.InitContainers[i]) && !s.InitContainerStatuses[i].Ready {
			unready = append(unready, s.InitContainerStatuses[i].Name)
		}
	}
	for _, cs := range s.ContainerStatuses {
		if !cs.Ready {
			unready = append(unready, cs.Name)
		}
	}
	if len(unready) > 0 {
		c.Reason, c.Message = "ContainersNotReady", fmt.Sprintf("containers with unready status: %s", names(unready))
		return c
	}
	c.Status = v1.ConditionTrue
	return c
}

// podReady adds the readiness gates, which are conditions that others set.
func podReady(pod *v1.Pod, s *v1.PodStatus, containers v1.PodCondition) v1.PodCondition {
	c := containers
	c.Type = v1.PodReady
	if c.Status != v1.ConditionTrue {
		return c
	}
	var problems []string
	for _, gate := range pod.Spec.ReadinessGates {
		status := v1.ConditionStatus("")
		for _, have := range s.Conditions {
			if have.Type == gate.ConditionType {
				status = have.Status
			}
		}
		switch status {
		case v1.ConditionTrue:
		case "":
			problems = append(problems, fmt.Sprintf("corresponding condition of pod readiness gate %q does not exist.", string(gate.ConditionType)))
		default:
			problems = append(problems, fmt.Sprintf("the status of pod readiness gate %q is not \"True\", but %v", string(gate.ConditionType), status))
		}
	}
	if len(problems) > 0 {
		c.Status, c.Reason, c.Message = v1.ConditionFalse, "ReadinessGatesNotReady", strings.Join(problems, ", ")
	}
	return c
}

func setResizeConditions(s *v1.PodStatus, view *podstate.View) {
	if p := view.Resize.Pending; p.Reason != "" {
		setCondition(s, view, v1.PodCondition{Type: v1.PodResizePending, Status: v1.ConditionTrue, Reason: p.Reason, Message: p.Message})
	} else {
		dropCondition(s, v1.PodResizePending)
	}
	if !view.Resize.InProgress {
		dropCondition(s, v1.PodResizeInProgress)
		return
	}
	c := v1.PodCondition{Type: v1.PodResizeInProgress, Status: v1.ConditionTrue}
	if view.Resize.InProgressError != "" {
		c.Reason, c.Message = v1.PodReasonError, view.Resize.InProgressError
	}
	setCondition(s, view, c)
}

// names writes a list as it has always been shown: [a b].
func names(list []string) string { return "[" + strings.Join(list, " ") + "]" }
