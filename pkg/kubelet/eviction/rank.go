package eviction

import (
	"cmp"
	"fmt"
	"slices"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/proa-sh/proa/pkg/kubelet/podstate"
	"github.com/proa-sh/proa/pkg/pods"
)

// lowestSystemPriority is the lowest priority of the system's own classes (system-cluster-critical is 2,000,000,000).
const lowestSystemPriority = 2000000000

// Candidate is a pod that may be ended, with what it uses of the resource that is short and what it has requested.
type Candidate struct {
	Pod            *v1.Pod
	Usage, Request int64
}

// Critical says whether the pod is never ended: static pods, which would only come again, and the system's own.
func Critical(pod *v1.Pod) bool {
	return pods.IsStatic(pod) || pod.Spec.Priority != nil && *pod.Spec.Priority >= lowestSystemPriority
}

// Rank orders pods by who goes first: those that use more than they requested, then by priority, then by how much they use
// beyond their request (kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction). Critical ones are left out.
func Rank(candidates []Candidate) []Candidate {
	var list []Candidate
	for _, c := range candidates {
		if !Critical(c.Pod) {
			list = append(list, c)
		}
	}
	slices.SortStableFunc(list, func(a, b Candidate) int {
		return cmp.Or(
			-cmp.Compare(boolean(a.Usage > a.Request), boolean(b.Usage > b.Request)),
			cmp.Compare(priority(a.Pod), priority(b.Pod)),
			-cmp.Compare(a.Usage-a.Request, b.Usage-b.Request),
			cmp.Compare(a.Pod.UID, b.Pod.UID),
		)
	})
	return list
}

func priority(pod *v1.Pod) int32 {
	if pod.Spec.Priority == nil {
		return 0
	}
	return *pod.Spec.Priority
}

// Ending is how a pod is ended for a shortage. grace bounds the time that a soft threshold gives it; negative for no bound.
func Ending(s Shortage, c Candidate, grace int64) podstate.Ending {
	message := fmt.Sprintf("The node was low on resource: %s. Threshold quantity: %s, available: %s. ",
		s.Signal.Resource(), amount(s.Signal, s.Amount), amount(s.Signal, s.Available))
	if c.Usage > c.Request {
		message += fmt.Sprintf("The pod was using %s, request is %s. ", amount(s.Signal, c.Usage), amount(s.Signal, c.Request))
	}
	e := podstate.Ending{
		Phase: v1.PodFailed, Reason: "Evicted", Message: message,
		Condition: &v1.PodCondition{
			Type: v1.DisruptionTarget, Status: v1.ConditionTrue, Reason: v1.PodReasonTerminationByKubelet, Message: message,
		},
	}
	own := int64(v1.DefaultTerminationGracePeriodSeconds)
	if g := c.Pod.Spec.TerminationGracePeriodSeconds; g != nil {
		own = *g
	}
	switch {
	case s.Hard:
		e.Grace = new(int64(1))
	case grace >= 0:
		e.Grace = new(min(grace, own))
	}
	return e
}

// amount writes bytes as quantities and other things as numbers.
func amount(s Signal, n int64) string {
	format := resource.BinarySI
	if r := s.Resource(); r == Inodes || r == PIDs {
		format = resource.DecimalSI
	}
	return resource.NewQuantity(n, format).String()
}

// Refuse says why a node under pressure does not take a pod, nil if it does.
func Refuse(pod *v1.Pod, p Pressure) *podstate.Reason {
	var conditions []v1.NodeConditionType
	if p.Memory {
		conditions = append(conditions, v1.NodeMemoryPressure)
	}
	if p.Disk {
		conditions = append(conditions, v1.NodeDiskPressure)
	}
	if p.PID {
		conditions = append(conditions, v1.NodePIDPressure)
	}
	if len(conditions) == 0 || Critical(pod) {
		return nil
	}
	// A pod that has requested memory, or bears the pressure, does not make the lack of it worse than it promised.
	if !p.Disk && !p.PID && (pods.QOS(pod) != v1.PodQOSBestEffort || bears(pod, v1.TaintNodeMemoryPressure)) {
		return nil
	}
	return &podstate.Reason{Reason: "Evicted", Message: fmt.Sprintf("The node had condition: %v. ", conditions)}
}

func bears(pod *v1.Pod, taint string) bool {
	return slices.ContainsFunc(pod.Spec.Tolerations, func(t v1.Toleration) bool {
		return (t.Key == taint || t.Key == "" && t.Operator == v1.TolerationOpExists) && (t.Effect == "" || t.Effect == v1.TaintEffectNoSchedule)
	})
}
