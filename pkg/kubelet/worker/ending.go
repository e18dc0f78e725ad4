package worker

import (
	"fmt"
	"time"

	v1 "k8s.io/api/core/v1"

	"github.com/proa-sh/proa/pkg/kubelet/podstate"
	"github.com/proa-sh/proa/pkg/pods"
)

// orphanGrace is the grace period of containers whose pod is unknown and that do not tell their own.
const orphanGrace = 1

// end takes the pod down: containers, sandbox, volumes, cgroup, then the object in the API, then what is left in the runtime.
func (p *step) end() {
	if !p.stopContainers() || p.starting() {
		return
	}
	if !p.stopSandboxes() {
		return
	}
	if !p.unmounted {
		p.due(Action{Kind: UnmountVolumes})
	}
	if !p.uncgrouped {
		p.due(Action{Kind: RemoveCgroup})
	}
	if !p.unmounted || !p.uncgrouped {
		return
	}
	if !p.Gone {
		// The object is deleted once its last status is in the API, see publish.
		return
	}
	p.removeAll()
}

// starting: something that could still bring a container or sandbox to life is under way.
func (p *step) starting() bool {
	for _, a := range p.busy {
		switch a.Kind {
		case CreateSandbox, StartContainer, MountVolumes, RefreshVolumes, EnsureCgroup, PullImage:
			return true
		}
	}
	return false
}

// stopContainers says whether no container runs any more.
func (p *step) stopContainers() bool {
	live := p.Observed.Live()
	if len(live) == 0 {
		return true
	}
	grace, began := p.endGrace(), p.endBegan
	for _, c := range live {
		i := p.instances[c.ID]
		if i == nil {
			continue
		}
		if i.kill == nil {
			i.kill = &kill{began: began, grace: grace}
			p.event(c.Name, false, "Killing", fmt.Sprintf("Stopping container %s", c.Name))
		}
		// A deletion may shorten what was granted before.
		i.kill.grace = min(i.kill.grace, grace)
		p.kill(pods.Container(p.Pod, c.Name), &c, i, p.turn(c.Name, live))
	}
	return false
}

// endGrace is how many seconds the pod gets to end.
func (p *step) endGrace() int64 {
	switch {
	case p.Ending.Grace != nil:
		return *p.Ending.Grace
	case p.Pod.DeletionGracePeriodSeconds != nil:
		return max(*p.Pod.DeletionGracePeriodSeconds, 0)
	case p.Pod.Spec.TerminationGracePeriodSeconds == nil && p.Gone:
		return orphanGrace
	}
	return podGrace(p.Pod)
}

// turn: sidecars end after all ordinary containers, in the reverse order of their start (KEP-753).
func (p *step) turn(name string, live []podstate.Container) bool {
	position := -1
	for i := range p.Pod.Spec.InitContainers {
		if c := &p.Pod.Spec.InitContainers[i]; c.Name == name && pods.IsSidecar(c) {
			position = i
		}
	}
	if position < 0 {
		return true
	}
	for _, other := range live {
		if other.Name != name && sidecarPosition(p.Pod, other.Name) > position {
			return false
		}
	}
	return true
}

// sidecarPosition orders containers by when they end: ordinary ones count as last started.
func sidecarPosition(pod *v1.Pod, name string) int {
	for i := range pod.Spec.InitContainers {
		if c := &pod.Spec.InitContainers[i]; c.Name == name && pods.IsSidecar(c) {
			return i
		}
	}
	return len(pod.Spec.InitContainers)
}

// stopSandboxes says whether no sandbox is up any more.
func (p *step) stopSandboxes() bool {
	down := true
	for _, sandbox := range p.Observed.Sandboxes {
		if sandbox.Ready || !p.stoppedSandboxes[sandbox.ID] {
			p.due(Action{Kind: StopSandbox, ID: sandbox.ID})
			down = false
		}
	}
	return down
}

// removeAll removes what the runtime keeps of a pod that is gone from the API.
func (p *step) removeAll() {
	for _, c := range p.Observed.Containers {
		p.due(Action{Kind: RemoveContainer, Container: c.Name, ID: c.ID})
	}
	if len(p.Observed.Containers) > 0 {
		return
	}
	for _, s := range p.Observed.Sandboxes {
		p.due(Action{Kind: RemoveSandbox, ID: s.ID})
	}
	if len(p.Observed.Sandboxes) > 0 || p.unlogged {
		return
	}
	p.due(Action{Kind: RemoveLogs})
}

// stopped: the pod is ending and nothing of it runs or can come to life any more.
func (s *State) stopped() bool {
	if s.Ending == nil || !s.known || s.dirty {
		return false
	}
	p := step{State: s}
	return len(s.Observed.Live()) == 0 && !p.starting()
}

// down: all that the pod used on the node is free again.
func (s *State) down() bool {
	if !s.stopped() || !s.unmounted || !s.uncgrouped {
		return false
	}
	for _, sandbox := range s.Observed.Sandboxes {
		if sandbox.Ready || !s.stoppedSandboxes[sandbox.ID] {
			return false
		}
	}
	return true
}

// maxRefusals is how often a final status is offered that the API refuses, before the object is deleted without it.
const maxRefusals = 3

// publish writes the status if it differs from the API's, and removes the object at the very end.
func (s *State) publish(changed bool, now time.Time) (actions []Action, wake time.Time) {
	p := &step{State: s, now: now}
	last := s.down() && s.Pod.DeletionTimestamp != nil
	switch {
	case s.Gone || !s.known:
	case changed && !(last && s.refusals >= maxRefusals):
		p.due(Action{Kind: PublishStatus})
	case last && !s.removed && !p.isBusy(Action{Kind: PublishStatus}):
		p.due(Action{Kind: DeletePod})
	}
	return p.actions, p.wake
}
