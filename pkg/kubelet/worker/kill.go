package worker

import (
	"fmt"
	"math"
	"time"

	v1 "k8s.io/api/core/v1"

	"github.com/proa-sh/proa/pkg/kubelet/podstate"
	"github.com/proa-sh/proa/pkg/pods"
)

// minStop is the seconds between stop signal and kill that remain for a container whose grace period went by before its turn.
const minStop = 2

// keptInstances is how many instances of a container are kept: the newest and the one before it, for its logs.
const keptInstances = 2

// killUnwanted ends instances that must not go on while the pod does.
func (p *step) killUnwanted(sandbox *podstate.Sandbox) {
	for _, live := range p.Observed.Live() {
		i := p.instances[live.ID]
		if i == nil {
			continue
		}
		c := pods.Container(p.Pod, live.Name)
		if i.kill == nil {
			message := p.whyKill(sandbox, c, &live, i)
			if message == "" {
				continue
			}
			p.event(live.Name, false, "Killing", message)
			i.kill = &kill{began: p.now, grace: p.probeGrace(c, i), planned: i.unhealthy == "" && i.postStart != hookFailed}
		}
		p.kill(c, &live, i, true)
	}
}

// whyKill gives the message of the Killing event, "" if the instance may go on.
func (p *step) whyKill(sandbox *podstate.Sandbox, c *v1.Container, live *podstate.Container, i *instance) string {
	switch {
	case c == nil:
		return fmt.Sprintf("Container %s is no longer part of the pod", live.Name)
	case i.postStart == hookFailed:
		p.event(live.Name, true, "FailedPostStartHook", "PostStartHook failed")
		return "FailedPostStartHook"
	case i.unhealthy == podstate.Startup:
		return fmt.Sprintf("Container %s failed startup probe, will be restarted", live.Name)
	case i.unhealthy == podstate.Liveness:
		return fmt.Sprintf("Container %s failed liveness probe, will be restarted", live.Name)
	case live.Hash != p.settings.Hash(c) && !isEphemeral(p.Pod, live.Name):
		return fmt.Sprintf("Container %s definition changed, will be restarted", live.Name)
	case live.SandboxID != sandbox.ID, p.Observed.Latest(live.Name).ID != live.ID:
		return fmt.Sprintf("Stopping container %s", live.Name)
	case p.needsRestartToResize(c, live):
		return fmt.Sprintf("Container %s resize requires restart", live.Name)
	case live.Phase == podstate.Unknown:
		return fmt.Sprintf("Container %s is in unknown state, try killing it before restart", live.Name)
	}
	return ""
}

func isEphemeral(pod *v1.Pod, name string) bool {
	for i := range pod.Spec.EphemeralContainers {
		if pod.Spec.EphemeralContainers[i].Name == name {
			return true
		}
	}
	return false
}

// probeGrace is the pod's grace period, or the one of the probe that failed.
func (p *step) probeGrace(c *v1.Container, i *instance) int64 {
	var probe *v1.Probe
	if c != nil {
		switch i.unhealthy {
		case podstate.Startup:
			probe = c.StartupProbe
		case podstate.Liveness:
			probe = c.LivenessProbe
		}
	}
	if probe != nil && probe.TerminationGracePeriodSeconds != nil {
		return *probe.TerminationGracePeriodSeconds
	}
	return podGrace(p.Pod)
}

func podGrace(pod *v1.Pod) int64 {
	if g := pod.Spec.TerminationGracePeriodSeconds; g != nil {
		return max(*g, 0)
	}
	return v1.DefaultTerminationGracePeriodSeconds
}

// kill takes the next step in ending an instance: preStop hook, then, when it is its turn, the stop signal with what is
// left of the grace period.
func (p *step) kill(c *v1.Container, live *podstate.Container, i *instance, turn bool) {
	k := i.kill
	deadline := k.began.Add(time.Duration(k.grace) * time.Second)
	if k.grace > 0 && p.now.Before(deadline) {
		if hasPreStop(c) && i.postStart == hookEnded && !i.preStopped {
			p.due(Action{Kind: PreStop, Container: live.Name, ID: live.ID, Grace: int64(math.Ceil(deadline.Sub(p.now).Seconds()))})
			p.wakeAt(deadline)
			return
		}
		if !turn {
			p.wakeAt(deadline)
			return
		}
	}
	remaining := int64(0)
	if k.grace > 0 {
		remaining = max(int64(deadline.Sub(p.now).Round(time.Second)/time.Second), minStop)
	}
	stopBy := p.now.Add(time.Duration(remaining) * time.Second)
	a := Action{Kind: StopContainer, Container: live.Name, ID: live.ID, Grace: remaining}
	// A stop under way that would take longer than the pod is now granted is overtaken by a second call.
	if under, busy := p.busy[a.key()]; busy && k.stopBy.Sub(stopBy) > time.Second && remaining < under.Grace {
		delete(p.busy, a.key())
	}
	if p.due(a) {
		k.stopBy = stopBy
	}
}

func hasPreStop(c *v1.Container) bool {
	return c != nil && c.Lifecycle != nil && c.Lifecycle.PreStop != nil
}

// prune removes what is of no use any more: instances that were made but never started, old dead ones, empty old sandboxes.
func (p *step) prune(sandbox *podstate.Sandbox) {
	seen := map[string]int{}
	used := map[string]bool{sandbox.ID: true}
	for i := range p.Observed.Containers {
		c := &p.Observed.Containers[i]
		seen[c.Name]++
		stale := c.Phase == podstate.Created && !p.isBusy(Action{Kind: StartContainer, Container: c.Name})
		if stale || c.Phase == podstate.Exited && seen[c.Name] > keptInstances {
			p.due(Action{Kind: RemoveContainer, Container: c.Name, ID: c.ID})
			continue
		}
		used[c.SandboxID] = true
	}
	for _, s := range p.Observed.Sandboxes {
		if !s.Ready && !used[s.ID] {
			p.due(Action{Kind: RemoveSandbox, ID: s.ID})
		}
	}
}
