package core

import (
	"fmt"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/proa-sh/proa/staging/apidef"
)

// A summary is what a table says of a pod's containers.
type summary struct {
	ready, status, restarts string
}

// tally counts the containers of a pod.
type tally struct {
	total, ready int
	restarts     restarts // of all containers looked at
	sideRestarts restarts // of sidecars alone
	status       string
	anyRunning   bool
	initialized  bool
	sidecars     map[string]bool
}

// restarts are counted together with the time of the last one.
type restarts struct {
	count int
	last  time.Time
}

func (r *restarts) add(s *corev1.ContainerStatus) {
	r.count += int(s.RestartCount)
	if t := s.LastTerminationState.Terminated; t != nil && t.FinishedAt.After(r.last) {
		r.last = t.FinishedAt.Time
	}
}

func (r restarts) String() string {
	if r.count == 0 || r.last.IsZero() {
		return strconv.Itoa(r.count)
	}
	return fmt.Sprintf("%d (%s ago)", r.count, apidef.Since(metav1.Time{Time: r.last}))
}

// summarize tells the state of a pod by its containers: first the init containers, then, once these are done, the others.
func summarize(p *corev1.Pod) summary {
	t := tally{total: len(p.Spec.Containers), status: phaseOf(p), sidecars: map[string]bool{}}
	for i := range p.Spec.InitContainers {
		if c := &p.Spec.InitContainers[i]; c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways {
			t.sidecars[c.Name] = true
			t.total++
		}
	}
	t.countInit(p)
	if t.initialized || podCondition(p, corev1.PodInitialized).Status == corev1.ConditionTrue {
		t.restarts = t.sideRestarts
		t.countMain(p)
	}
	if p.DeletionTimestamp != nil {
		t.deleted(p)
	}
	return summary{ready: fmt.Sprintf("%d/%d", t.ready, t.total), status: t.status, restarts: t.restarts.String()}
}

// phaseOf returns the phase, or what the pod's status gives as a reason for it.
func phaseOf(p *corev1.Pod) string {
	status := string(p.Status.Phase)
	if p.Status.Reason != "" {
		status = p.Status.Reason
	}
	if podCondition(p, corev1.PodScheduled).Reason == corev1.PodReasonSchedulingGated {
		status = corev1.PodReasonSchedulingGated
	}
	return status
}

// countInit looks at init containers up to the first that is not done.
func (t *tally) countInit(p *corev1.Pod) {
	for i := range p.Status.InitContainerStatuses {
		s := &p.Status.InitContainerStatuses[i]
		t.restarts.add(s)
		if t.sidecars[s.Name] {
			t.sideRestarts.add(s)
		}
		switch end, wait := s.State.Terminated, s.State.Waiting; {
		case end != nil && end.ExitCode == 0:
			continue
		case t.sidecars[s.Name] && s.Started != nil && *s.Started:
			if s.Ready {
				t.ready++
			}
			continue
		case end != nil:
			t.status = "Init:" + endReason(end)
		case wait != nil && wait.Reason != "" && wait.Reason != "PodInitializing":
			t.status = "Init:" + wait.Reason
		default:
			t.status = fmt.Sprintf("Init:%d/%d", i, len(p.Spec.InitContainers))
		}
		return
	}
	t.initialized = true
}

// countMain looks at the ordinary containers; the first that has something to tell gives the status.
func (t *tally) countMain(p *corev1.Pod) {
	for i := len(p.Status.ContainerStatuses) - 1; i >= 0; i-- {
		s := &p.Status.ContainerStatuses[i]
		t.restarts.add(s)
		switch end, wait := s.State.Terminated, s.State.Waiting; {
		case wait != nil && wait.Reason != "":
			t.status = wait.Reason
		case end != nil:
			t.status = endReason(end)
		case s.Ready && s.State.Running != nil:
			t.anyRunning = true
			t.ready++
		}
	}
	if t.status == "Completed" && t.anyRunning {
		t.status = "NotReady"
		if podCondition(p, corev1.PodReady).Status == corev1.ConditionTrue {
			t.status = "Running"
		}
	}
}

func (t *tally) deleted(p *corev1.Pod) {
	switch ended := p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed; {
	case p.Status.Reason == "NodeLost":
		t.status = "Unknown"
	case !ended:
		t.status = "Terminating"
	}
}

// endReason says how a container ended.
func endReason(s *corev1.ContainerStateTerminated) string {
	switch {
	case s.Reason != "":
		return s.Reason
	case s.Signal != 0:
		return fmt.Sprintf("Signal:%d", s.Signal)
	}
	return fmt.Sprintf("ExitCode:%d", s.ExitCode)
}
