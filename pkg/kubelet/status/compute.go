package status

import (
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/proa-sh/proa/pkg/kubelet/podstate"
	"github.com/proa-sh/proa/pkg/pods"
)

// Compute gives the pod's status. It starts from the status in view.Pod, so that fields and conditions of others, times of
// transitions and what the runtime has forgotten are kept.
func Compute(view *podstate.View) v1.PodStatus {
	pod := view.Pod
	s := pod.Status.DeepCopy()
	s.ObservedGeneration = view.Generation
	if s.StartTime == nil {
		s.StartTime = seconds(view.Now)
	}
	setAddresses(s, view)
	if view.Ending != nil && view.Ending.Rejected {
		s.Phase, s.Reason, s.Message = v1.PodFailed, view.Ending.Reason, view.Ending.Message
		setConditions(s, view)
		return *s
	}
	hasInit := len(pod.Spec.InitContainers) > 0
	s.InitContainerStatuses, s.ContainerStatuses, s.EphemeralContainerStatuses = nil, nil, nil
	for i := range pod.Spec.InitContainers {
		c := &pod.Spec.InitContainers[i]
		s.InitContainerStatuses = append(s.InitContainerStatuses, containerStatus(view, c, pod.Status.InitContainerStatuses, hasInit, !pods.IsSidecar(c)))
	}
	for i := range pod.Spec.Containers {
		s.ContainerStatuses = append(s.ContainerStatuses, containerStatus(view, &pod.Spec.Containers[i], pod.Status.ContainerStatuses, hasInit, false))
	}
	for i := range pod.Spec.EphemeralContainers {
		c := v1.Container(pod.Spec.EphemeralContainers[i].EphemeralContainerCommon)
		s.EphemeralContainerStatuses = append(s.EphemeralContainerStatuses, ephemeralStatus(view, &c))
	}
	if view.Finished {
		finish(pod, s)
	}
	s.Phase = phase(view, s)
	if e := view.Ending; e != nil && e.Reason != "" {
		s.Reason, s.Message = e.Reason, e.Message
	}
	setPodResources(s, view)
	if s.QOSClass == "" {
		s.QOSClass = pods.QOS(pod)
	}
	setConditions(s, view)
	return *s
}

// setAddresses keeps the last known pod address of a pod whose sandbox is gone.
func setAddresses(s *v1.PodStatus, view *podstate.View) {
	if len(view.HostIPs) > 0 {
		s.HostIP, s.HostIPs = view.HostIPs[0], nil
		for _, ip := range view.HostIPs {
			s.HostIPs = append(s.HostIPs, v1.HostIP{IP: ip})
		}
	}
	ips := PodIPs(view)
	if len(ips) == 0 {
		return
	}
	s.PodIP, s.PodIPs = ips[0], nil
	for _, ip := range ips {
		s.PodIPs = append(s.PodIPs, v1.PodIP{IP: ip})
	}
}

// PodIPs are the addresses of the pod by now: its sandbox's, or the node's with the host's network.
func PodIPs(view *podstate.View) []string {
	if view.Pod.Spec.HostNetwork {
		if view.Ending != nil && view.Ending.Rejected {
			return nil
		}
		return view.HostIPs
	}
	if sandbox := view.Observed.ReadySandbox(); sandbox != nil {
		return sandbox.IPs
	}
	return nil
}

// phase follows the containers. A terminal phase stays, and comes only once nothing runs any more.
func phase(view *podstate.View, s *v1.PodStatus) v1.PodPhase {
	old := view.Pod.Status.Phase
	if old == v1.PodSucceeded || old == v1.PodFailed {
		return old
	}
	if view.Finished {
		return finalPhase(view, s)
	}
	ran := false
	for _, c := range s.ContainerStatuses {
		if c.State.Running != nil || c.State.Terminated != nil || c.LastTerminationState.Terminated != nil {
			ran = true
			continue
		}
		// A container that has not run yet keeps the pod Pending, unless it had run before.
		if old != v1.PodRunning {
			return v1.PodPending
		}
	}
	if !ran && old != v1.PodRunning {
		return v1.PodPending
	}
	return v1.PodRunning
}

func finalPhase(view *podstate.View, s *v1.PodStatus) v1.PodPhase {
	if e := view.Ending; e != nil && e.Phase != "" {
		return e.Phase
	}
	for _, c := range s.ContainerStatuses {
		if c.State.Terminated == nil || c.State.Terminated.ExitCode != 0 {
			return v1.PodFailed
		}
	}
	for i, c := range s.InitContainerStatuses {
		if !pods.IsSidecar(&view.Pod.Spec.InitContainers[i]) && (c.State.Terminated == nil || c.State.Terminated.ExitCode != 0) {
			return v1.PodFailed
		}
	}
	return v1.PodSucceeded
}

// seconds cuts to what the API stores, so that a status read back compares equal.
func seconds(t time.Time) *metav1.Time {
	cut := metav1.NewTime(t).Rfc3339Copy()
	return &cut
}

func secondsOrZero(t time.Time) metav1.Time {
	if t.IsZero() {
		return metav1.Time{}
	}
	return *seconds(t)
}
