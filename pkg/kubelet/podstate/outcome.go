package podstate

import (
	v1 "k8s.io/api/core/v1"

	"github.com/proa-sh/proa/pkg/pods"
)

// Exit is how a container last ended.
type Exit struct {
	Known bool
	Code  int32
}

// LastExit tells how the named container ended, from the runtime or, when that has lost it, from the pod's status. It is not
// Known while an instance runs, is about to, or none ever ended.
func LastExit(pod *v1.Pod, o *Observed, name string) Exit {
	if latest := o.Latest(name); latest != nil {
		return Exit{Known: latest.Phase == Exited, Code: latest.ExitCode}
	}
	if s := statusOf(pod, name); s != nil && s.State.Terminated != nil {
		return Exit{Known: true, Code: s.State.Terminated.ExitCode}
	}
	return Exit{}
}

func statusOf(pod *v1.Pod, name string) *v1.ContainerStatus {
	for _, list := range [][]v1.ContainerStatus{
		pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses, pod.Status.EphemeralContainerStatuses,
	} {
		for i := range list {
			if list[i].Name == name {
				return &list[i]
			}
		}
	}
	return nil
}

// Outcome says whether the pod has run to its end by itself: every ordinary container has ended and none will be restarted,
// or an init container has failed for good. failed says that a non-zero exit was among them.
func Outcome(pod *v1.Pod, o *Observed) (done, failed bool) {
	for i := range pod.Spec.InitContainers {
		c := &pod.Spec.InitContainers[i]
		if pods.IsSidecar(c) {
			continue
		}
		if e := LastExit(pod, o, c.Name); e.Known && e.Code != 0 && pods.OnExit(pod, c, true, e.Code) == pods.StayDown {
			return true, true
		}
	}
	for i := range pod.Spec.Containers {
		c := &pod.Spec.Containers[i]
		e := LastExit(pod, o, c.Name)
		if !e.Known || pods.OnExit(pod, c, false, e.Code) != pods.StayDown {
			return false, false
		}
		failed = failed || e.Code != 0
	}
	return true, failed
}
