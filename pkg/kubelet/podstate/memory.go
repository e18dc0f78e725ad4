package podstate

import (
	"maps"
	"slices"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/proa-sh/proa/pkg/pods"
)

// Memory is what a kubelet remembers of a pod over its own restart.
type Memory struct {
	// Granted is what the node has granted.
	Granted Allocation `json:"granted,omitzero"`
	// Before is what was granted before, while a change is being brought into force; nil otherwise.
	Before *Allocation `json:"before,omitempty"`
	// RestartingAll: all containers are being restarted; what the API shows of their exits is of the round before.
	RestartingAll bool `json:"restartingAll,omitempty"`
}

// Allocation are the resources of a pod. Values of it are never changed.
type Allocation struct {
	// Pod are those of the pod as a whole (KEP-2837), nil if its spec names none.
	Pod *v1.ResourceRequirements `json:"pod,omitempty"`
	// Containers are those of its containers by name.
	Containers map[string]v1.ResourceRequirements `json:"containers,omitempty"`
}

// Resizable are the resources that can change while a pod runs (KEP-1287).
func Resizable() []v1.ResourceName { return []v1.ResourceName{v1.ResourceCPU, v1.ResourceMemory} }

// AllocationOf are the resources that the pod's spec asks for.
func AllocationOf(pod *v1.Pod) Allocation {
	a := Allocation{Pod: pod.Spec.Resources, Containers: map[string]v1.ResourceRequirements{}}
	for c := range pods.AllContainers(pod) {
		a.Containers[c.Name] = c.Resources
	}
	return a
}

// Same says whether both are the same in what can change. Containers that only one of them has do not count.
func (a Allocation) Same(b Allocation) bool {
	if !sameResources(orNone(a.Pod), orNone(b.Pod)) {
		return false
	}
	for name, x := range a.Containers {
		if y, ok := b.Containers[name]; ok && !sameResources(x, y) {
			return false
		}
	}
	return true
}

func orNone(r *v1.ResourceRequirements) v1.ResourceRequirements {
	if r == nil {
		return v1.ResourceRequirements{}
	}
	return *r
}

func sameResources(x, y v1.ResourceRequirements) bool {
	for _, r := range Resizable() {
		if x.Requests.Name(r, resource.DecimalSI).Cmp(*y.Requests.Name(r, resource.DecimalSI)) != 0 ||
			x.Limits.Name(r, resource.DecimalSI).Cmp(*y.Limits.Name(r, resource.DecimalSI)) != 0 {
			return false
		}
	}
	return true
}

// Larger takes the larger of each value. A limit that one of them does not have is none.
func (a Allocation) Larger(b Allocation) Allocation {
	out := Allocation{Containers: map[string]v1.ResourceRequirements{}}
	if a.Pod != nil || b.Pod != nil {
		out.Pod = new(larger(orNone(a.Pod), orNone(b.Pod)))
	}
	for name, x := range a.Containers {
		out.Containers[name] = x
		if y, ok := b.Containers[name]; ok {
			out.Containers[name] = larger(x, y)
		}
	}
	return out
}

func larger(x, y v1.ResourceRequirements) v1.ResourceRequirements {
	return v1.ResourceRequirements{
		Requests: largerList(x.Requests, y.Requests, true), Limits: largerList(x.Limits, y.Limits, false), Claims: x.Claims,
	}
}

func largerList(a, b v1.ResourceList, missingIsZero bool) v1.ResourceList {
	out := v1.ResourceList{}
	names := slices.Collect(maps.Keys(a))
	for name := range b {
		if _, ok := a[name]; !ok {
			names = append(names, name)
		}
	}
	for _, name := range names {
		x, inA := a[name]
		y, inB := b[name]
		switch {
		case inA && inB && x.Cmp(y) < 0, inB && !inA && missingIsZero:
			out[name] = y
		case inA && inB, inA && missingIsZero:
			out[name] = x
		}
	}
	return out
}

// On is the pod with these resources in its spec.
func (a Allocation) On(pod *v1.Pod) *v1.Pod {
	if a.Same(AllocationOf(pod)) {
		return pod
	}
	out := *pod
	if a.Pod != nil {
		out.Spec.Resources = a.Pod
	}
	out.Spec.InitContainers = slices.Clone(pod.Spec.InitContainers)
	out.Spec.Containers = slices.Clone(pod.Spec.Containers)
	for _, list := range [][]v1.Container{out.Spec.InitContainers, out.Spec.Containers} {
		for i := range list {
			if r, ok := a.Containers[list[i].Name]; ok {
				list[i].Resources = r
			}
		}
	}
	return &out
}

// AllocationShown is what the API shows as granted to the pod, for a kubelet that remembers nothing: CPU and memory of the
// status where that has them, all else as the spec has it.
func AllocationShown(pod *v1.Pod) Allocation {
	a := AllocationOf(pod)
	if s := &pod.Status; a.Pod != nil && s.AllocatedResources != nil {
		a.Pod = new(shown(*a.Pod, s.AllocatedResources, s.Resources))
	}
	for _, list := range [][]v1.ContainerStatus{pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses} {
		for i := range list {
			if spec, ok := a.Containers[list[i].Name]; ok && list[i].AllocatedResources != nil {
				a.Containers[list[i].Name] = shown(spec, list[i].AllocatedResources, list[i].Resources)
			}
		}
	}
	return a
}

func shown(spec v1.ResourceRequirements, requests v1.ResourceList, inForce *v1.ResourceRequirements) v1.ResourceRequirements {
	out := *spec.DeepCopy()
	out.Requests = withResizable(out.Requests, requests)
	if inForce != nil {
		out.Limits = withResizable(out.Limits, inForce.Limits)
	}
	return out
}

// withResizable is the list with CPU and memory taken from another one.
func withResizable(list, from v1.ResourceList) v1.ResourceList {
	for _, name := range Resizable() {
		q, ok := from[name]
		switch {
		case ok && list == nil:
			list = v1.ResourceList{name: q}
		case ok:
			list[name] = q
		default:
			delete(list, name)
		}
	}
	return list
}
