package node

import (
	"fmt"
	"strings"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Observed is what is known about the node at one moment.
type Observed struct {
	Addresses             []v1.NodeAddress
	Capacity, Allocatable v1.ResourceList
	System                v1.NodeSystemInfo
	KubeletPort           int32
	Images                []v1.ContainerImage
	Handlers              []v1.NodeRuntimeHandler
	Features              *v1.NodeFeatures
	Pressure              Pressure
	// NotReady lists why the node is not ready; empty when it is.
	NotReady []string
}

// Status is the status that the Node should have. Conditions and fields that others write are kept from the previous
// status; a condition's transition time is kept while its status is.
func Status(o Observed, previous v1.NodeStatus, now metav1.Time) v1.NodeStatus {
	status := *previous.DeepCopy()
	status.Addresses = o.Addresses
	status.Capacity = withForeign(o.Capacity, previous.Capacity)
	status.Allocatable = withForeign(o.Allocatable, previous.Allocatable)
	status.NodeInfo = o.System
	status.DaemonEndpoints.KubeletEndpoint.Port = o.KubeletPort
	status.Images = o.Images
	status.RuntimeHandlers = o.Handlers
	status.Features = o.Features
	for _, condition := range conditions(o) {
		status.Conditions = setCondition(status.Conditions, condition, now)
	}
	return status
}

// withForeign keeps extended resources that somebody else has put into the status, as users do by patch. Resources of
// the kubelet's own names are only those it reports.
func withForeign(own, previous v1.ResourceList) v1.ResourceList {
	result := own.DeepCopy()
	for name, quantity := range previous {
		if _, ok := result[name]; !ok && isExtended(name) {
			if result == nil {
				result = v1.ResourceList{}
			}
			result[name] = quantity
		}
	}
	return result
}

// isExtended says whether the resource belongs to a domain outside of kubernetes.io.
func isExtended(name v1.ResourceName) bool {
	domain, _, ok := strings.Cut(string(name), "/")
	return ok && domain != "kubernetes.io" && !strings.HasSuffix(domain, ".kubernetes.io")
}

// conditions are the four conditions of a kubelet, in the words that users and tools know.
func conditions(o Observed) []v1.NodeCondition {
	list := []v1.NodeCondition{
		pressure(v1.NodeMemoryPressure, o.Pressure.Memory,
			"KubeletHasInsufficientMemory", "kubelet has insufficient memory available",
			"KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
		pressure(v1.NodeDiskPressure, o.Pressure.Disk,
			"KubeletHasDiskPressure", "kubelet has disk pressure",
			"KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
		pressure(v1.NodePIDPressure, o.Pressure.PID,
			"KubeletHasInsufficientPID", "kubelet has insufficient PID available",
			"KubeletHasSufficientPID", "kubelet has sufficient PID available"),
	}
	ready := v1.NodeCondition{Type: v1.NodeReady, Status: v1.ConditionTrue, Reason: "KubeletReady", Message: "kubelet is posting ready status"}
	if len(o.NotReady) > 0 {
		ready.Status, ready.Reason, ready.Message = v1.ConditionFalse, "KubeletNotReady", joinProblems(o.NotReady)
	}
	return append(list, ready)
}

func pressure(kind v1.NodeConditionType, present bool, badReason, badMessage, goodReason, goodMessage string) v1.NodeCondition {
	if present {
		return v1.NodeCondition{Type: kind, Status: v1.ConditionTrue, Reason: badReason, Message: badMessage}
	}
	return v1.NodeCondition{Type: kind, Status: v1.ConditionFalse, Reason: goodReason, Message: goodMessage}
}

// joinProblems writes one problem as it is and several in brackets, as aggregated errors are written everywhere.
func joinProblems(problems []string) string {
	if len(problems) == 1 {
		return problems[0]
	}
	return "[" + strings.Join(problems, ", ") + "]"
}

func setCondition(list []v1.NodeCondition, condition v1.NodeCondition, now metav1.Time) []v1.NodeCondition {
	condition.LastHeartbeatTime, condition.LastTransitionTime = now, now
	for i := range list {
		if list[i].Type != condition.Type {
			continue
		}
		if list[i].Status == condition.Status {
			condition.LastTransitionTime = list[i].LastTransitionTime
		}
		list[i] = condition
		return list
	}
	return append(list, condition)
}

// differs says whether the status changed in anything but the times of heartbeats.
func differs(a, b v1.NodeStatus) bool {
	return !equality.Semantic.DeepEqual(withoutHeartbeats(a), withoutHeartbeats(b))
}

func withoutHeartbeats(status v1.NodeStatus) v1.NodeStatus {
	status.Conditions = append([]v1.NodeCondition(nil), status.Conditions...)
	for i := range status.Conditions {
		status.Conditions[i].LastHeartbeatTime = metav1.Time{}
	}
	return status
}

// transition is a condition whose status turned, as an event tells it.
type transition struct{ reason, message string }

// transitions lists what turned from one status to the next.
func transitions(name string, from, to v1.NodeStatus) []transition {
	var list []transition
	for _, kind := range []v1.NodeConditionType{v1.NodeMemoryPressure, v1.NodeDiskPressure, v1.NodePIDPressure, v1.NodeReady} {
		before, after := findCondition(from.Conditions, kind), findCondition(to.Conditions, kind)
		if after == nil || (before != nil && before.Status == after.Status) {
			continue
		}
		reason := transitionReason(kind, after.Status == v1.ConditionTrue)
		list = append(list, transition{reason, fmt.Sprintf("Node %s status is now: %s", name, reason)})
	}
	return list
}

func transitionReason(kind v1.NodeConditionType, present bool) string {
	reasons := map[v1.NodeConditionType][2]string{
		v1.NodeMemoryPressure: {"NodeHasSufficientMemory", "NodeHasInsufficientMemory"},
		v1.NodeDiskPressure:   {"NodeHasNoDiskPressure", "NodeHasDiskPressure"},
		v1.NodePIDPressure:    {"NodeHasSufficientPID", "NodeHasInsufficientPID"},
		v1.NodeReady:          {"NodeNotReady", "NodeReady"},
	}
	if present {
		return reasons[kind][1]
	}
	return reasons[kind][0]
}

func findCondition(list []v1.NodeCondition, kind v1.NodeConditionType) *v1.NodeCondition {
	for i := range list {
		if list[i].Type == kind {
			return &list[i]
		}
	}
	return nil
}
