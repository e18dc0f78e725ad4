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

// stop is Stopping: containers, then sandboxes.
func (p *step) stop() {
	if p.stopContainers() && !p.starting() {
		p.stopSandboxes()
	}
}

// clean is Cleaning: volumes and cgroup, then the object in the API, then what is left in the runtime.
func (p *step) clean() {
	if !p.cleaned.volumes {
		p.due(Action{Kind: UnmountVolumes})
	}
	if !p.cleaned.cgroup {
		p.due(Action{Kind: RemoveCgroup})
	}
	// The object is deleted once its last status is in the API, see publish.
	if p.cleaned.volumes && p.cleaned.cgroup && p.Gone {
		p.removeAll()
	}
}

// stopContainers says whether no container runs any more.
func (p *step) stopContainers() bool {
	live := p.Observed.Live()
	if len(live) == 0 {
		return true
	}
	grace, began := p.endGrace(), p.stopping.began
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

func (p *step) stopSandboxes() {
	for _, sandbox := range p.Observed.Sandboxes {
		if p.isUp(&sandbox) {
			p.due(Action{Kind: StopSandbox, ID: sandbox.ID})
		}
	}
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
	if len(p.Observed.Sandboxes) > 0 || p.cleaned.logs {
		return
	}
	p.due(Action{Kind: RemoveLogs})
}

// maxRefusals is how often a final status is offered that the API refuses, before the object is deleted without it.
const maxRefusals = 3

// publish writes the status if it differs from the API's, and removes the object at the very end.
func (s *State) publish(changed bool, now time.Time) (actions []Action, wake time.Time) {
	p := &step{State: s, now: now}
	last := s.down() && s.Pod.DeletionTimestamp != nil
	switch {
	case s.Gone || !s.known:
	case changed && !(last && s.stopping.refusals >= maxRefusals):
		p.due(Action{Kind: PublishStatus})
	case last && !s.cleaned.object && !p.isBusy(Action{Kind: PublishStatus}):
		p.due(Action{Kind: DeletePod})
	}
	return p.actions, p.wake
}
