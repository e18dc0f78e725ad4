package worker

import (
	"fmt"
	"time"

	v1 "k8s.io/api/core/v1"

	"github.com/proa-sh/proa/pkg/kubelet/podstate"
	"github.com/proa-sh/proa/pkg/pods"
)

// restartAllShown is how long the removal of the containers waits for the API to show why.
const restartAllShown = 5 * time.Second

// restartAll is a restart of all containers in place (KEP-5532). It has two phases. In the first, which lasts while the instance
// that asked for it is in the runtime, all instances are killed without grace and hooks, and removed; that one goes last, so that
// a kubelet which starts in between sees it. In the second the pod starts as if it were new, in its old sandbox.
type restartAll struct {
	// under: the second phase, or both, are under way: what the API shows of containers is of the round before. It is written down
	// before anything is removed.
	under bool
	// why is what the condition says in the first phase, since is when that was noticed.
	why   string
	since time.Time
}

// restartAllTrigger is the instance by whose end all containers are to be restarted, nil if there is none.
func (p *step) restartAllTrigger() *podstate.Container {
	sandbox := p.Observed.ReadySandbox()
	if sandbox == nil {
		return nil
	}
	look := func(list []v1.Container, init bool) *podstate.Container {
		for i := range list {
			c := &list[i]
			here := p.in(sandbox, c.Name)
			if here == nil || here.Phase != podstate.Exited {
				continue
			}
			if i := p.instances[here.ID]; i != nil && i.kill != nil && i.kill.planned {
				continue // it ended for another reason
			}
			if pods.OnExit(p.Pod, c, init && !pods.IsSidecar(c), here.ExitCode) == pods.RestartPod {
				return here
			}
		}
		return nil
	}
	if here := look(p.Pod.Spec.InitContainers, true); here != nil {
		return here
	}
	return look(p.Pod.Spec.Containers, false)
}

// noticeRestartAll takes note of the phase and says whether it is the first. It comes before anything is decided by exits.
func (p *step) noticeRestartAll() bool {
	trigger := p.restartAllTrigger()
	r := &p.restartAll
	switch {
	case trigger != nil && r.why == "":
		*r = restartAll{
			under: true, since: p.now,
			why: fmt.Sprintf("Container %s exited with code %d, triggering pod restart", trigger.Name, trigger.ExitCode),
		}
		// The container that ended waits for its next start as after any end; the others do not.
		m := p.memo(trigger.Name)
		m.crash = m.crash.exited(trigger.ID, trigger.FinishedAt, p.settings.CrashMax)
	case trigger == nil:
		r.why = ""
		if r.under && p.allMade() {
			r.under = false
		}
	}
	return r.why != ""
}

// allMade: every ordinary container has an instance again; from now on exits are told by the runtime, or by the API.
func (p *step) allMade() bool {
	for i := range p.Pod.Spec.Containers {
		if p.Observed.Latest(p.Pod.Spec.Containers[i].Name) == nil {
			return false
		}
	}
	return true
}

// endRound kills and removes what is left of the round before, and says whether that is still going on.
func (p *step) endRound() bool {
	if p.restartAll.why == "" {
		return false
	}
	if !p.remember() {
		return true
	}
	shown := p.shows(v1.AllContainersRestarting) || !p.now.Before(p.restartAll.since.Add(restartAllShown))
	if !shown {
		p.wakeAt(p.restartAll.since.Add(restartAllShown))
	}
	trigger := p.restartAllTrigger()
	left := 0
	for i := range p.Observed.Containers {
		c := &p.Observed.Containers[i]
		if isEphemeral(p.Pod, c.Name) {
			continue
		}
		if c.ID != trigger.ID {
			left++
		}
		switch {
		case c.Phase == podstate.Running || c.Phase == podstate.Unknown:
			p.killNow(c)
		case shown && c.ID != trigger.ID && !p.isStarting(c.Name):
			p.due(Action{Kind: RemoveContainer, Container: c.Name, ID: c.ID})
		}
	}
	if shown && left == 0 && !p.starting() {
		p.due(Action{Kind: RemoveContainer, Container: trigger.Name, ID: trigger.ID})
	}
	return true
}

func (p *step) killNow(c *podstate.Container) {
	i := p.instances[c.ID]
	if i == nil {
		return // it is being started
	}
	if i.kill == nil {
		p.event(c.Name, false, "Killing", fmt.Sprintf("Stopping container %s, all containers of the pod restart", c.Name))
		i.kill = &kill{began: p.now}
	}
	i.kill.grace, i.kill.planned = 0, true
	p.kill(pods.Container(p.Pod, c.Name), c, i, true)
}

// shows says whether the API shows the condition as true.
func (s *State) shows(t v1.PodConditionType) bool {
	for _, c := range s.Pod.Status.Conditions {
		if c.Type == t {
			return c.Status == v1.ConditionTrue
		}
	}
	return false
}

// past is the pod with what its status tells of exits that the runtime knows no more; after a restart of all containers those
// are of the round before and count for nothing.
func (s *State) past() *v1.Pod {
	if !s.restartAll.under {
		return s.Pod
	}
	pod := *s.Pod
	pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses = nil, nil
	return &pod
}
