package worker

import (
	"time"

	v1 "k8s.io/api/core/v1"

	"github.com/proa-sh/proa/pkg/kubelet/podstate"
	"github.com/proa-sh/proa/pkg/pods"
)

// Apply takes in how an action ended.
func (s *State) Apply(r Result, now time.Time) {
	s.applyPace(r, now)
	s.applyFacts(r, now)
	switch r.Action.Kind {
	case PullImage:
		s.applyPull(r, now)
	case StartContainer:
		s.applyStart(r)
	case PostStart:
		s.applyPostStart(r)
	case PreStop:
		if i := s.instances[r.Action.ID]; i != nil {
			i.preStopped = true
		}
	case ResizeContainer:
		s.resize.fault(r.Action.Container, r.Err)
		if r.Err == nil && s.resize.done != nil {
			s.resize.done[r.Action.ID] = true
		}
	case EnsureCgroup:
		s.resize.fault(podFault, r.Err)
	case GrantResources:
		s.applyGrant(r, now)
	case RefreshVolumes:
		s.prepared.stale = s.prepared.stale || r.Err != nil
	}
	switch r.Action.Kind {
	case CreateSandbox, StartContainer, StopContainer, RemoveContainer, StopSandbox, RemoveSandbox, ResizeContainer:
		// Whether it worked or not: the runtime knows what is now.
		s.dirty = true
	}
}

// applyPace ends the action and says when it may be tried again. One that was overtaken by another of its kind counts for
// nothing: the other is still under way.
func (s *State) applyPace(r Result, now time.Time) {
	key := r.Action.key()
	if s.busy[key] != r.Action {
		return
	}
	delete(s.busy, key)
	switch {
	case r.Err != nil, isRepeated(r.Action.Kind):
		s.retries[key] = s.retries[key].failed(now, r.Action)
	case r.Action.Kind != GrantResources || r.Granted != nil:
		delete(s.retries, key)
	}
}

func (s *State) applyFacts(r Result, now time.Time) {
	if r.Err != nil && r.Action.Kind == Inspect {
		s.dirty = true
		return
	}
	if r.Refused {
		s.stopping.refusals++
	}
	if r.Err != nil {
		return
	}
	switch r.Action.Kind {
	case Inspect:
		s.setObserved(r.Observed)
	case Remember:
		written := s.admitted.remembering
		s.admitted.recorded = &written
	case EnsureCgroup:
		s.prepared.cgroup, s.prepared.cgroupParent = true, r.CgroupParent
		s.resize.cgroupDone()
	case MountVolumes:
		s.prepared.mounted, s.prepared.volumes, s.prepared.refreshAt = true, r.Volumes, refreshTime(r.Refresh, now)
	case RefreshVolumes:
		s.prepared.refreshAt = refreshTime(r.Refresh, now)
	case StopSandbox:
		s.stopping.sandboxes[r.Action.ID] = true
	case UnmountVolumes:
		s.cleaned.volumes = true
	case RemoveCgroup:
		s.cleaned.cgroup = true
	case RemoveLogs:
		s.cleaned.logs = true
	case DeletePod:
		s.cleaned.object, s.Gone = true, s.Gone || r.Gone
	case PublishStatus:
		s.stopping.refusals, s.Gone = 0, s.Gone || r.Gone
		if r.Pod != nil && !older(r.Pod, s.Pod) {
			s.SetPod(r.Pod)
		}
	}
}

// setObserved takes a new picture. Instances that this kubelet did not start were started by the one before it; what the
// API shows of their probes still holds. One that is just being started is known once that has ended: only then is it told
// apart from an instance whose postStart hook has run.
func (s *State) setObserved(o podstate.Observed) {
	s.Observed, s.known = o, true
	for i := range o.Containers {
		c := &o.Containers[i]
		if m := s.memo(c.Name); c.Phase != podstate.Created {
			m.made = max(m.made, c.Attempt+1)
		}
		if s.instances[c.ID] != nil || c.Phase == podstate.Created || s.isStarting(c.Name) {
			continue
		}
		found := &instance{postStart: hookEnded, preStopped: c.PreStopDone}
		for cs := range allStatuses(s.Pod) {
			if cs.ContainerID == s.settings.RuntimeName+"://"+c.ID {
				found.started = cs.Started != nil && *cs.Started
				found.ready = cs.Ready
			}
		}
		s.instances[c.ID] = found
	}
	for id := range s.instances {
		if o.Instance(id) == nil {
			delete(s.instances, id)
		}
	}
	s.forgetRetries()
}

// forgetRetries drops the waits of what the runtime has no more.
func (s *State) forgetRetries() {
	for key, r := range s.retries {
		if r.id == "" || s.Observed.Instance(r.id) != nil || s.Observed.HasSandbox(r.id) {
			continue
		}
		delete(s.retries, key)
	}
}

// isStarting says whether an instance of the container is being started.
func (s *State) isStarting(name string) bool {
	_, busy := s.busy[Action{Kind: StartContainer, Container: name}.key()]
	return busy
}

func allStatuses(pod *v1.Pod) func(yield func(*v1.ContainerStatus) bool) {
	return func(yield func(*v1.ContainerStatus) bool) {
		for _, list := range [][]v1.ContainerStatus{
			pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses, pod.Status.EphemeralContainerStatuses,
		} {
			for i := range list {
				if !yield(&list[i]) {
					return
				}
			}
		}
	}
}

// applyGrant takes the node's answer in. A refusal is asked again later: other pods end.
func (s *State) applyGrant(r Result, now time.Time) {
	s.resize.answered = s.resize.asked
	if r.Granted != nil {
		s.resize.grant(*r.Granted)
		return
	}
	s.resize.pending = r.Waiting
	key := r.Action.key()
	s.retries[key] = s.retries[key].failed(now, r.Action)
}

func (s *State) applyPull(r Result, now time.Time) {
	m := s.memo(r.Action.Container)
	if r.Err == nil {
		m.pulled, m.image, m.waiting, m.pullFault = true, r.Image, podstate.Reason{}, ""
		return
	}
	m.waiting = r.Waiting
	m.pullFault = r.Waiting.Reason + ": " + r.Waiting.Message
	m.pullShow = now.Add(pullFaultShown)
}

// pullFaultShown is how long a failed pull shows its own error before the status turns to back-off.
const pullFaultShown = 5 * time.Second

func (s *State) applyStart(r Result) {
	m := s.memo(r.Action.Container)
	m.pulled = false
	if r.Err != nil {
		m.waiting = r.Waiting
		return
	}
	m.waiting = podstate.Reason{}
	c := pods.Container(s.Pod, r.Action.Container)
	i := &instance{}
	if c == nil || c.Lifecycle == nil || c.Lifecycle.PostStart == nil {
		i.postStart = hookEnded
	}
	s.instances[r.ID] = i
}

func (s *State) applyPostStart(r Result) {
	i := s.instances[r.Action.ID]
	if i == nil {
		return
	}
	if r.Err == nil {
		i.postStart = hookEnded
		return
	}
	i.postStart = hookFailed
	delete(s.retries, r.Action.key())
	s.memo(r.Action.Container).waiting = podstate.Reason{Reason: "PostStartHookError", Message: r.Err.Error()}
}
