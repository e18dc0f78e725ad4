package worker

import (
	"time"

	v1 "k8s.io/api/core/v1"

	"github.com/proa-sh/proa/pkg/kubelet/podstate"
	"github.com/proa-sh/proa/pkg/pods"
)

// step collects what is due at one moment.
type step struct {
	*State
	now     time.Time
	actions []Action
	// wake is when to look again if nothing else happens; zero for never.
	wake time.Time
}

// Step says what is due now and when to look again if nothing happens before (zero: never). Actions returned are counted as
// under way until Apply is told of their end.
func (s *State) Step(now time.Time) (actions []Action, wake time.Time) {
	p := &step{State: s, now: now}
	p.run()
	return p.actions, p.wake
}

func (p *step) run() {
	// Nothing is decided on a picture known to be old; a wrong second start is worse than a millisecond.
	if !p.known || p.dirty {
		if p.due(Action{Kind: Inspect}) {
			p.dirty = false
		}
		return
	}
	if _, looking := p.busy[Action{Kind: Inspect}.key()]; looking {
		return
	}
	p.decideEnding()
	if p.Ending == nil && !p.admit() {
		p.prefetch()
		return
	}
	switch p.Phase() {
	case Preparing:
		p.prepare()
	case Running:
		p.keep()
	case Stopping:
		p.stop()
	case Cleaning:
		p.clean()
	}
}

// due starts the action unless it is under way or waits after a failure; it says whether it was started.
func (p *step) due(a Action) bool {
	if _, busy := p.busy[a.key()]; busy {
		return false
	}
	if r, ok := p.retries[a.key()]; ok && r.at.After(p.now) {
		p.wakeAt(r.at)
		return false
	}
	p.busy[a.key()] = a
	p.actions = append(p.actions, a)
	return true
}

func (p *step) isBusy(a Action) bool {
	_, busy := p.busy[a.key()]
	return busy
}

func (p *step) waiting(a Action) bool {
	r, ok := p.retries[a.key()]
	return ok && r.at.After(p.now)
}

func (p *step) wakeAt(t time.Time) {
	if p.wake.IsZero() || t.Before(p.wake) {
		p.wake = t
	}
}

func (p *step) event(container string, warning bool, reason, message string) {
	p.actions = append(p.actions, Action{Kind: Event, Container: container, Warning: warning, Reason: reason, Message: message})
}

// decideEnding looks for reasons to end the pod for good.
func (p *step) decideEnding() {
	if p.Ending != nil {
		// A deletion may come to a pod that ends already; it may shorten the grace period, see endGrace.
		return
	}
	switch {
	case p.Gone || p.Pod.DeletionTimestamp != nil:
		p.Ending = &podstate.Ending{}
	case pods.IsTerminal(p.Pod):
		p.Ending = &podstate.Ending{}
	case p.pastDeadline():
		p.Ending = &podstate.Ending{
			Phase: v1.PodFailed, Reason: "DeadlineExceeded",
			Message: "Pod was active on the node longer than the specified deadline",
		}
		p.event("", false, "DeadlineExceeded", p.Ending.Message)
	case p.noticeRestartAll():
		// Exits lead to a new round, not to an end.
	default:
		if done, failed := podstate.Outcome(p.past(), &p.Observed); done {
			p.Ending = &podstate.Ending{Phase: v1.PodSucceeded}
			if failed {
				p.Ending.Phase = v1.PodFailed
			}
		}
	}
	if p.Ending != nil {
		p.stopping.began = p.endSince()
	}
}

// endSince is when the grace period began: now, as no clock but this node's counts. A pod that was being deleted before this
// kubelet saw it first gets only what is left, or each restart of the kubelet would grant it the whole again.
func (p *step) endSince() time.Time {
	if !p.stopping.deletedBefore || p.Pod.DeletionTimestamp == nil {
		return p.now
	}
	grace := time.Duration(p.endGrace()) * time.Second
	began := p.Pod.DeletionTimestamp.Add(-grace)
	if began.After(p.now) {
		return p.now
	}
	return began
}

func (p *step) pastDeadline() bool {
	limit, start := p.Pod.Spec.ActiveDeadlineSeconds, p.Pod.Status.StartTime
	if limit == nil || start == nil {
		return false
	}
	deadline := start.Add(time.Duration(*limit) * time.Second)
	if !p.now.Before(deadline) {
		return true
	}
	p.wakeAt(deadline)
	return false
}

// admit is Admitting, and goes before anything else that is done for a pod that goes on: what the node grants is asked for and
// written down. It says whether it may be acted on.
func (p *step) admit() bool {
	p.allocate()
	return p.remember()
}

// prepare is Preparing: it makes what containers need. Those that a pod has already are looked after meanwhile.
func (p *step) prepare() {
	if !p.prepared.cgroup {
		p.ensureCgroup()
	}
	p.mount()
	sandbox := p.sandbox()
	if sandbox != nil && !p.tidy(sandbox) {
		return
	}
	p.prefetch()
}

// keep is Running: it starts containers, and starts them again.
func (p *step) keep() {
	p.mount()
	sandbox := p.sandbox()
	if !p.tidy(sandbox) {
		return
	}
	p.startEphemeral()
	p.resizeContainers()
	if p.resize.stage == raising {
		// The pod's cgroup does not hold yet what a container that starts now would be given.
		return
	}
	if !p.initialized(sandbox) && !p.startInit(sandbox) {
		return
	}
	p.restartSidecars(sandbox)
	p.startOrdinary(sandbox)
}

// tidy ends and removes what must not be there any more. It is false while a round of all containers ends, before which nothing is
// begun.
func (p *step) tidy(sandbox *podstate.Sandbox) bool {
	if p.endRound() {
		return false
	}
	p.killUnwanted(sandbox)
	p.prune(sandbox)
	return true
}

// mount makes volumes ready and keeps their content fresh.
func (p *step) mount() {
	v := &p.prepared
	if !v.mounted {
		p.due(Action{Kind: MountVolumes})
		return
	}
	if v.stale || !v.refreshAt.IsZero() && !p.now.Before(v.refreshAt) {
		if p.due(Action{Kind: RefreshVolumes}) {
			v.stale, v.refreshAt = false, time.Time{}
		}
		return
	}
	if !v.refreshAt.IsZero() {
		p.wakeAt(v.refreshAt)
	}
}

// sandbox returns the ready sandbox, or sees to it that there will be one.
func (p *step) sandbox() *podstate.Sandbox {
	for _, old := range p.Observed.Sandboxes[min(1, len(p.Observed.Sandboxes)):] {
		if old.Ready {
			p.due(Action{Kind: StopSandbox, ID: old.ID})
		}
	}
	if ready := p.Observed.ReadySandbox(); ready != nil {
		return ready
	}
	attempt := uint32(0)
	if dead := p.Observed.Sandbox(); dead != nil {
		attempt = dead.Attempt + 1
		if len(p.Observed.Live()) > 0 || !p.stopping.sandboxes[dead.ID] {
			p.due(Action{Kind: StopSandbox, ID: dead.ID})
			return nil
		}
		if !p.isBusy(Action{Kind: CreateSandbox}) && !p.waiting(Action{Kind: CreateSandbox}) {
			p.event("", false, "SandboxChanged", "Pod sandbox changed, it will be killed and re-created.")
		}
	}
	if p.prepared.cgroup {
		p.due(Action{Kind: CreateSandbox, Attempt: attempt})
	}
	return nil
}

// prefetch pulls the image of the container that will start first while the sandbox is being made.
func (p *step) prefetch() {
	first := &p.Pod.Spec.Containers[0]
	if len(p.Pod.Spec.InitContainers) > 0 {
		first = &p.Pod.Spec.InitContainers[0]
	}
	if p.Observed.Latest(first.Name) == nil {
		p.pull(first)
	}
}
