package worker

import (
	"time"

	v1 "k8s.io/api/core/v1"

	"github.com/proa-sh/proa/pkg/kubelet/podstate"
	"github.com/proa-sh/proa/pkg/pods"
)

// View gives what the pod's status is computed from.
func (s *State) View(now time.Time) *podstate.View {
	observed := s.Observed
	observed.Containers = nil
	for _, c := range s.Observed.Containers {
		// What was made but not started is nothing that users have to see; nor is what is only just being started.
		if c.Phase != podstate.Created && (s.instances[c.ID] != nil || !s.isStarting(c.Name)) {
			observed.Containers = append(observed.Containers, c)
		}
	}
	v := &podstate.View{
		Pod: s.Pod, Generation: s.observedGeneration(), Observed: observed, Containers: map[string]podstate.ContainerView{},
		Ending: s.Ending, Finished: s.stopped(),
		RestartingAll: s.restartAll.why, HostIPs: s.settings.HostIPs, RuntimeName: s.settings.RuntimeName, Now: now,
	}
	for c := range pods.AllContainers(s.Pod) {
		v.Containers[c.Name] = s.containerView(c)
	}
	v.Resize = s.resizeView()
	return v
}

func (s *State) containerView(c *v1.Container) podstate.ContainerView {
	cv := podstate.ContainerView{Allocated: s.allocated(c.Name)}
	if m := s.memos[c.Name]; m != nil {
		cv.Waiting = m.waiting
	}
	latest := s.Observed.Latest(c.Name)
	if latest == nil {
		return cv
	}
	i := s.instances[latest.ID]
	if i == nil {
		return cv
	}
	if latest.Phase == podstate.Running && i.postStart != hookFailed {
		cv.Waiting = podstate.Reason{}
	}
	cv.Hooking = i.postStart == hookDue
	cv.Started = s.started(c, latest)
	cv.Ready = c.ReadinessProbe == nil || i.ready
	return cv
}

// Targets are the instances to probe now.
func (s *State) Targets() []podstate.ProbeTarget {
	if !s.known {
		return nil
	}
	host := s.Pod.Status.PodIP
	if sandbox := s.Observed.ReadySandbox(); sandbox != nil && len(sandbox.IPs) > 0 {
		host = sandbox.IPs[0]
	}
	if s.Pod.Spec.HostNetwork && len(s.settings.HostIPs) > 0 {
		host = s.settings.HostIPs[0]
	}
	var targets []podstate.ProbeTarget
	for c := range pods.AllContainers(s.Pod) {
		latest := s.Observed.Latest(c.Name)
		if latest == nil || latest.Phase != podstate.Running {
			continue
		}
		i := s.instances[latest.ID]
		if i == nil || i.postStart != hookEnded || i.kill != nil && s.Ending == nil {
			continue
		}
		targets = append(targets, podstate.ProbeTarget{
			Container: c, ContainerID: latest.ID, Host: host, StartedAt: latest.StartedAt,
			Started: c.StartupProbe == nil || i.started, Ending: s.Ending != nil,
		})
	}
	return targets
}
