package worker

import (
	"fmt"

	v1 "k8s.io/api/core/v1"

	"github.com/proa-sh/proa/pkg/kubelet/podstate"
)

// start brings a container nearer to running: back-off, image, start. It says whether the containers after it have to wait.
func (p *step) start(c *v1.Container) (wait bool) {
	m := p.memo(c.Name)
	last := p.Observed.Latest(c.Name)
	if last != nil && last.Phase != podstate.Exited {
		return true
	}
	a := Action{Kind: StartContainer, Container: c.Name, Attempt: p.attempt(c.Name, last)}
	if p.isBusy(a) {
		return true
	}
	if p.backOff(c, m, last) {
		return false
	}
	if p.waiting(a) {
		p.due(a)
		return false
	}
	if !m.pulled {
		p.pull(c)
		return p.isBusy(Action{Kind: PullImage, Container: c.Name})
	}
	p.due(a)
	return true
}

// attempt counts restarts also over instances that the runtime has lost.
func (p *step) attempt(name string, last *podstate.Container) uint32 {
	if last != nil {
		return last.Attempt + 1
	}
	if made := p.memo(name).made; made > 0 {
		return made
	}
	for cs := range allStatuses(p.Pod) {
		if cs.Name == name && (cs.ContainerID != "" || cs.LastTerminationState.Terminated != nil) {
			return uint32(cs.RestartCount) + 1
		}
	}
	return 0
}

// backOff says whether the container has to wait after its last exit, of which the instance may be removed already.
func (p *step) backOff(c *v1.Container, m *memo, last *podstate.Container) bool {
	if last != nil {
		if i := p.instances[last.ID]; i != nil && i.kill != nil && i.kill.planned {
			return false
		}
		m.crash = m.crash.exited(last.ID, last.FinishedAt, p.settings.CrashMax)
	}
	if !m.crash.restartAt.After(p.now) {
		return false
	}
	p.wakeAt(m.crash.restartAt)
	where := fmt.Sprintf("%s_%s(%s)", p.Pod.Name, p.Pod.Namespace, p.Pod.UID)
	m.waiting = podstate.Reason{
		Reason:  "CrashLoopBackOff",
		Message: fmt.Sprintf("back-off %v restarting failed container=%s pod=%s", m.crash.waited, c.Name, where),
	}
	if m.backedOff != m.crash.instance {
		m.backedOff = m.crash.instance
		p.event(c.Name, true, "BackOff", fmt.Sprintf("Back-off restarting failed container %s in pod %s", c.Name, where))
	}
	return true
}

// pull brings the image to the node. After a failure the status shows the fault for a moment, then the back-off.
func (p *step) pull(c *v1.Container) {
	m := p.memo(c.Name)
	if m.pulled {
		return
	}
	a := Action{Kind: PullImage, Container: c.Name}
	if p.waiting(a) && m.pullFault != "" && m.waiting.Reason == "ErrImagePull" {
		if p.now.Before(m.pullShow) {
			p.wakeAt(m.pullShow)
		} else {
			m.waiting = podstate.Reason{Reason: "ImagePullBackOff", Message: fmt.Sprintf("Back-off pulling image %q: %s", c.Image, m.pullFault)}
			p.event(c.Name, false, "BackOff", fmt.Sprintf("Back-off pulling image %q", c.Image))
		}
	}
	p.due(a)
}

// hook runs the postStart hook of a new instance. It says whether the hook is still to end.
func (p *step) hook(c *v1.Container, here *podstate.Container) (wait bool) {
	i := p.instances[here.ID]
	if i == nil {
		return p.isStarting(c.Name)
	}
	if i.postStart != hookDue || i.kill != nil {
		return false
	}
	p.due(Action{Kind: PostStart, Container: c.Name, ID: here.ID})
	return true
}
