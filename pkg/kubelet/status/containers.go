package status

import (
	v1 "k8s.io/api/core/v1"

	"github.com/proa-sh/proa/pkg/kubelet/podstate"
)

// Reasons of container states that are not an error's own.
const (
	reasonCreating     = "ContainerCreating"
	reasonInitializing = "PodInitializing"
	reasonUnknown      = "ContainerStatusUnknown"
)

// lostExitCode stands for an exit that nobody saw: killed (128+9).
const lostExitCode = 137

// containerStatus computes one init or ordinary container. once says that it runs to completion and counts as ready then.
func containerStatus(view *podstate.View, c *v1.Container, olds []v1.ContainerStatus, hasInit, once bool) v1.ContainerStatus {
	old := find(olds, c.Name)
	knows := view.Containers[c.Name]
	cs := v1.ContainerStatus{Name: c.Name, Image: c.Image}
	waiting := &v1.ContainerStateWaiting{Reason: reasonCreating}
	if hasInit {
		waiting.Reason = reasonInitializing
	}
	if knows.Waiting.Reason != "" {
		waiting = &v1.ContainerStateWaiting{Reason: knows.Waiting.Reason, Message: knows.Waiting.Message}
	}
	if latest := view.Observed.Latest(c.Name); latest != nil {
		fromInstance(&cs, view, latest, old, waiting)
	} else {
		fromOld(&cs, view, old, waiting)
	}
	running := cs.State.Running != nil
	started := running && knows.Started
	cs.Started = &started
	cs.Ready = running && knows.Started && knows.Ready
	if once {
		cs.Ready = cs.State.Terminated != nil && cs.State.Terminated.ExitCode == 0
	}
	setResources(&cs, view, c)
	return cs
}

// fromInstance reports the newest instance.
func fromInstance(cs *v1.ContainerStatus, view *podstate.View, latest *podstate.Container, old *v1.ContainerStatus, waiting *v1.ContainerStateWaiting) {
	cs.RestartCount = int32(latest.Attempt)
	cs.ContainerID = id(view, latest)
	cs.ImageID = latest.ImageID
	if latest.Image != "" {
		cs.Image = latest.Image
	}
	if latest.User != nil {
		cs.User = &v1.ContainerUser{Linux: &v1.LinuxContainerUser{
			UID: latest.User.Uid, GID: latest.User.Gid, SupplementalGroups: latest.User.SupplementalGroups,
		}}
	}
	knows := view.Containers[cs.Name]
	switch latest.Phase {
	case podstate.Running, podstate.Unknown:
		if knows.Hooking {
			cs.State.Waiting = waiting
		} else {
			cs.State.Running = &v1.ContainerStateRunning{StartedAt: secondsOrZero(latest.StartedAt)}
		}
	case podstate.Exited:
		ended := terminated(view, latest, old)
		// Something stands between this exit and the next start: the exit moves to the past.
		if knows.Waiting.Reason != "" && !view.Finished {
			cs.State.Waiting = waiting
			cs.LastTerminationState.Terminated = ended
			return
		}
		cs.State.Terminated = ended
	default:
		cs.State.Waiting = waiting
	}
	if previous := view.Observed.Previous(cs.Name); previous != nil && previous.Phase == podstate.Exited {
		cs.LastTerminationState.Terminated = terminated(view, previous, old)
	} else if old != nil && latest.Attempt > 0 {
		cs.LastTerminationState.Terminated = lastOf(old, cs.ContainerID)
	}
}

// lastOf is what an old status tells about an instance before the one with this id.
func lastOf(old *v1.ContainerStatus, id string) *v1.ContainerStateTerminated {
	if t := old.State.Terminated; t != nil && t.ContainerID != id {
		return t
	}
	return old.LastTerminationState.Terminated
}

// fromOld reports a container of which the runtime holds no instance, from what the API last showed.
func fromOld(cs *v1.ContainerStatus, view *podstate.View, old *v1.ContainerStatus, waiting *v1.ContainerStateWaiting) {
	cs.State.Waiting = waiting
	if old == nil {
		return
	}
	cs.RestartCount = old.RestartCount
	cs.LastTerminationState = old.LastTerminationState
	switch {
	case old.State.Terminated != nil:
		cs.State = v1.ContainerState{Terminated: old.State.Terminated}
		cs.ContainerID, cs.ImageID, cs.Image = old.ContainerID, old.ImageID, old.Image
	case old.State.Running != nil:
		lost := &v1.ContainerStateTerminated{
			ExitCode: lostExitCode, Reason: reasonUnknown, ContainerID: old.ContainerID,
			Message: "The container could not be located when the pod was deleted.  The container used to be Running",
		}
		if view.Ending != nil {
			cs.State = v1.ContainerState{Terminated: lost}
			cs.ContainerID, cs.ImageID = old.ContainerID, old.ImageID
			return
		}
		cs.LastTerminationState = v1.ContainerState{Terminated: lost}
	}
}

// finish gives containers of a finished pod whose end nobody saw an end. In a pod that never got past its init containers
// those that were not started stay as they are.
func finish(pod *v1.Pod, s *v1.PodStatus) {
	initializing := len(incomplete(pod, s)) > 0 && !anyRan(s.ContainerStatuses)
	for _, list := range [][]v1.ContainerStatus{s.InitContainerStatuses, s.ContainerStatuses} {
		for i := range list {
			cs := &list[i]
			if cs.State.Terminated != nil || initializing && cs.ContainerID == "" {
				continue
			}
			cs.State = v1.ContainerState{Terminated: &v1.ContainerStateTerminated{
				ExitCode: lostExitCode, Reason: reasonUnknown, ContainerID: cs.ContainerID,
				Message: "The container could not be located when the pod was terminated",
			}}
			cs.Started, cs.Ready = new(bool), false
		}
	}
}

// ephemeralStatus: ephemeral containers are never restarted and have neither probes nor resources.
func ephemeralStatus(view *podstate.View, c *v1.Container) v1.ContainerStatus {
	old := find(view.Pod.Status.EphemeralContainerStatuses, c.Name)
	cs := v1.ContainerStatus{Name: c.Name, Image: c.Image}
	waiting := &v1.ContainerStateWaiting{Reason: reasonCreating}
	if w := view.Containers[c.Name].Waiting; w.Reason != "" {
		waiting = &v1.ContainerStateWaiting{Reason: w.Reason, Message: w.Message}
	}
	if latest := view.Observed.Latest(c.Name); latest != nil {
		fromInstance(&cs, view, latest, old, waiting)
	} else {
		fromOld(&cs, view, old, waiting)
	}
	return cs
}

// terminated reports an exit. One that the API shows already stays as it is: the termination message may be gone by now.
func terminated(view *podstate.View, c *podstate.Container, old *v1.ContainerStatus) *v1.ContainerStateTerminated {
	if old != nil {
		for _, t := range []*v1.ContainerStateTerminated{old.State.Terminated, old.LastTerminationState.Terminated} {
			if t != nil && t.ContainerID == id(view, c) && t.Reason != reasonUnknown {
				return t
			}
		}
	}
	t := &v1.ContainerStateTerminated{
		ExitCode: c.ExitCode, Reason: c.Reason, Message: c.Message,
		StartedAt: secondsOrZero(c.StartedAt), FinishedAt: secondsOrZero(c.FinishedAt), ContainerID: id(view, c),
	}
	if t.Reason == "" {
		t.Reason = "Completed"
		if c.ExitCode != 0 {
			t.Reason = "Error"
		}
	}
	return t
}

func id(view *podstate.View, c *podstate.Container) string { return view.RuntimeName + "://" + c.ID }

func find(list []v1.ContainerStatus, name string) *v1.ContainerStatus {
	for i := range list {
		if list[i].Name == name {
			return &list[i]
		}
	}
	return nil
}
