package worker

import "github.com/proa-sh/proa/pkg/kubelet/podstate"

// Phase is where a pod is in its life on the node. It is not the phase that its status shows.
type Phase int

// The phases. A pod that goes on is in one of the first three, one that ends in one of the others; package doc has them as a table.
const (
	// Admitting: what the runtime holds of it is being read, and what the node grants it written down.
	Admitting Phase = iota
	// Preparing: cgroup, volumes and sandbox are being made, for the first time or again.
	Preparing
	// Running: containers are started and kept.
	Running
	// Stopping: containers, then sandboxes are being stopped.
	Stopping
	// Cleaning: nothing of it runs; what it used is being given back.
	Cleaning
	// Done: nothing of it is left.
	Done
)

var phaseNames = [...]string{"Admitting", "Preparing", "Running", "Stopping", "Cleaning", "Done"}

// String is the phase's name.
func (p Phase) String() string { return phaseNames[p] }

// Phase says in which phase the facts put the pod.
func (s *State) Phase() Phase {
	switch {
	case s.cleaned.logs:
		return Done
	case !s.known:
		return Admitting
	case s.Ending != nil && !s.halted():
		return Stopping
	case s.Ending != nil:
		return Cleaning
	case s.admitted.recorded == nil && !s.admitted.taken:
		return Admitting
	case !s.prepared.cgroup || !s.prepared.mounted || s.Observed.ReadySandbox() == nil:
		return Preparing
	}
	return Running
}

// Finished says that nothing is left to do, ever.
func (s *State) Finished() bool { return s.Phase() == Done && len(s.busy) == 0 }

// halted: nothing of the pod runs or can come to life, and no sandbox is up.
func (s *State) halted() bool {
	if len(s.Observed.Live()) > 0 || s.starting() {
		return false
	}
	for _, sandbox := range s.Observed.Sandboxes {
		if s.isUp(&sandbox) {
			return false
		}
	}
	return true
}

// isUp: the sandbox runs, or still holds what it had, as its address.
func (s *State) isUp(sandbox *podstate.Sandbox) bool {
	return sandbox.Ready || !s.stopping.sandboxes[sandbox.ID]
}

// starting: something that could still bring a container or sandbox to life is under way.
func (s *State) starting() bool {
	for _, a := range s.busy {
		switch a.Kind {
		case CreateSandbox, StartContainer, MountVolumes, RefreshVolumes, EnsureCgroup, PullImage:
			return true
		}
	}
	return false
}

// stopped: the pod is ending and nothing of it runs or can come to life any more.
func (s *State) stopped() bool {
	return s.Ending != nil && s.known && !s.dirty && len(s.Observed.Live()) == 0 && !s.starting()
}

// down: all that the pod used on the node is free again.
func (s *State) down() bool {
	return s.stopped() && s.Phase() >= Cleaning && s.cleaned.volumes && s.cleaned.cgroup
}
