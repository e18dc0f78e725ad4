package worker

import (
	v1 "k8s.io/api/core/v1"

	"github.com/proa-sh/proa/pkg/kubelet/podstate"
	"github.com/proa-sh/proa/pkg/pods"
)

// initialized: an ordinary container was made in this sandbox, so the init containers have done their work.
func (p *step) initialized(sandbox *podstate.Sandbox) bool {
	for i := range p.Pod.Spec.Containers {
		if c := p.Observed.Latest(p.Pod.Spec.Containers[i].Name); c != nil && c.SandboxID == sandbox.ID {
			return true
		}
	}
	return false
}

// startInit brings the first unfinished init container on its way and says whether all are done.
func (p *step) startInit(sandbox *podstate.Sandbox) bool {
	for i := range p.Pod.Spec.InitContainers {
		c := &p.Pod.Spec.InitContainers[i]
		here := p.in(sandbox, c.Name)
		switch {
		case here == nil:
			p.start(c)
			return false
		case here.Phase == podstate.Running || here.Phase == podstate.Unknown:
			if !pods.IsSidecar(c) || !p.started(c, here) {
				p.hook(c, here)
				return false
			}
		case here.Phase != podstate.Exited:
			return false
		case pods.IsSidecar(c):
			p.start(c)
			return false
		case here.ExitCode != 0:
			// A failure for good would have ended the pod.
			p.start(c)
			return false
		}
	}
	return true
}

// in returns the newest instance of the container if it belongs to the sandbox.
func (p *step) in(sandbox *podstate.Sandbox, name string) *podstate.Container {
	c := p.Observed.Latest(name)
	if c == nil || c.SandboxID != sandbox.ID {
		return nil
	}
	return c
}

// restartSidecars keeps sidecars up once the pod is initialized.
func (p *step) restartSidecars(sandbox *podstate.Sandbox) {
	for i := range p.Pod.Spec.InitContainers {
		c := &p.Pod.Spec.InitContainers[i]
		if !pods.IsSidecar(c) {
			continue
		}
		if here := p.in(sandbox, c.Name); here == nil || here.Phase == podstate.Exited {
			p.start(c)
		} else if here.Phase == podstate.Running {
			p.hook(c, here)
		}
	}
}

// startOrdinary starts the ordinary containers in their order: the next one is touched only when the one before runs and
// its postStart hook has ended, on which pods rely to hold back containers.
func (p *step) startOrdinary(sandbox *podstate.Sandbox) {
	for i := range p.Pod.Spec.Containers {
		c := &p.Pod.Spec.Containers[i]
		here := p.in(sandbox, c.Name)
		switch {
		case here == nil:
			// A container that ended in an earlier sandbox stays down if its policy says so.
			if e := podstate.LastExit(p.past(), &p.Observed, c.Name); e.Known && pods.OnExit(p.Pod, c, false, e.Code) == pods.StayDown {
				continue
			}
			if p.start(c) {
				return
			}
		case here.Phase == podstate.Running:
			if p.hook(c, here) {
				return
			}
		case here.Phase == podstate.Exited:
			if pods.OnExit(p.Pod, c, false, here.ExitCode) != pods.StayDown && p.start(c) {
				return
			}
		default:
			return
		}
	}
}

// startEphemeral starts each ephemeral container once.
func (p *step) startEphemeral() {
	for i := range p.Pod.Spec.EphemeralContainers {
		c := v1.Container(p.Pod.Spec.EphemeralContainers[i].EphemeralContainerCommon)
		if here := p.Observed.Latest(c.Name); here != nil {
			continue
		}
		if podstate.LastExit(p.Pod, &p.Observed, c.Name).Known {
			continue
		}
		p.start(&c)
	}
}

// started: the hook has ended and the start-up probe, if any, has passed.
func (s *State) started(c *v1.Container, here *podstate.Container) bool {
	i := s.instances[here.ID]
	return i != nil && i.postStart == hookEnded && (c.StartupProbe == nil || i.started)
}
