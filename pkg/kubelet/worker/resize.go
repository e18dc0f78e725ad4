package worker

import (
	"maps"
	"slices"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/proa-sh/proa/pkg/kubelet/podstate"
	"github.com/proa-sh/proa/pkg/pods"
)

// Limits are the limits of a container that can change while it runs. Zero stands for none.
type Limits struct {
	CPUShares, CPUQuota, Memory int64
}

// stage is how far a granted resize has come. The pod's cgroup is raised before its containers and lowered after them: the
// kernel refuses a child that may use more than its parent.
type stage int

const (
	settled stage = iota
	raising
	changing
	settling
)

// resizeState follows changes of CPU and memory in the spec (KEP-1287): what the node has granted, and whether it is in force.
type resizeState struct {
	// granted are the resources that the node has granted, by container; nil before the first step.
	granted map[string]v1.ResourceRequirements
	// before is what was granted when the resize began; the cgroup has to hold both.
	before map[string]v1.ResourceRequirements
	// pending is why the node has not granted what the spec says.
	pending podstate.Reason
	// asked is the generation of the spec for which the node was asked last, answered that for which it has said what it does.
	asked, answered int64
	stage           stage
	// done are the instances that were changed in this resize, faults the last failures by container.
	done   map[string]bool
	faults map[string]string
}

func (r *resizeState) fault(container string, err error) {
	if err == nil {
		delete(r.faults, container)
		return
	}
	if r.faults == nil {
		r.faults = map[string]string{}
	}
	r.faults[container] = err.Error()
}

// cgroupDone: the pod's cgroup has the limits of the present stage.
func (r *resizeState) cgroupDone() {
	switch r.stage {
	case raising:
		r.stage = changing
	case settling:
		r.stage, r.before, r.done, r.faults = settled, nil, nil, nil
	}
}

// grant takes over what the node has granted.
func (r *resizeState) grant(granted map[string]v1.ResourceRequirements) {
	if r.before == nil {
		r.before = r.granted
	} else {
		r.before = larger(r.before, r.granted)
	}
	r.granted, r.pending, r.stage, r.done, r.faults = granted, podstate.Reason{}, raising, map[string]bool{}, nil
}

// specResources are the resources of the pod's spec by container.
func specResources(pod *v1.Pod) map[string]v1.ResourceRequirements {
	m := map[string]v1.ResourceRequirements{}
	for c := range pods.AllContainers(pod) {
		m[c.Name] = c.Resources
	}
	return m
}

// allocate asks the node for what the spec says, if that is not what it has granted.
func (p *step) allocate() {
	if p.resize.granted == nil {
		p.restoreGrant()
	}
	if sameResources(p.resize.granted, specResources(p.Pod)) {
		p.resize.pending, p.resize.answered = podstate.Reason{}, p.Pod.Generation
		return
	}
	if p.due(Action{Kind: GrantResources}) {
		p.resize.asked = p.Pod.Generation
	}
}

// observedGeneration is that of the spec which the status is about. A change of resources is seen only when the node has
// answered: who waits for the generation must then find the resize under way, pending or done.
func (s *State) observedGeneration() int64 {
	if s.Ending == nil && s.resize.granted != nil && s.resize.answered < s.Pod.Generation {
		return s.Pod.Status.ObservedGeneration
	}
	return s.Pod.Generation
}

// restoreGrant starts from the spec, or from what the API shows of a resize that was under way before this kubelet.
func (s *State) restoreGrant() {
	s.resize.granted = specResources(s.Pod)
	pending, progress := false, false
	for _, c := range s.Pod.Status.Conditions {
		pending = pending || c.Type == v1.PodResizePending && c.Status == v1.ConditionTrue
		progress = progress || c.Type == v1.PodResizeInProgress && c.Status == v1.ConditionTrue
	}
	for cs := range allStatuses(s.Pod) {
		if granted, ok := s.resize.granted[cs.Name]; ok && pending && cs.AllocatedResources != nil {
			old := *granted.DeepCopy()
			old.Requests = cs.AllocatedResources.DeepCopy()
			if cs.Resources != nil {
				old.Limits = cs.Resources.Limits.DeepCopy()
			}
			s.resize.granted[cs.Name] = old
		}
	}
	if progress {
		s.resize.stage, s.resize.before, s.resize.done = raising, s.resize.granted, map[string]bool{}
	}
}

// resizable are the resources that can change.
func resizable() []v1.ResourceName { return []v1.ResourceName{v1.ResourceCPU, v1.ResourceMemory} }

func sameResources(a, b map[string]v1.ResourceRequirements) bool {
	for name, x := range a {
		y, ok := b[name]
		if !ok {
			continue
		}
		for _, r := range resizable() {
			if x.Requests.Name(r, resource.DecimalSI).Cmp(*y.Requests.Name(r, resource.DecimalSI)) != 0 ||
				x.Limits.Name(r, resource.DecimalSI).Cmp(*y.Limits.Name(r, resource.DecimalSI)) != 0 {
				return false
			}
		}
	}
	return true
}

// larger takes the larger of each value. A limit that one of them does not have is none.
func larger(a, b map[string]v1.ResourceRequirements) map[string]v1.ResourceRequirements {
	out := map[string]v1.ResourceRequirements{}
	for name, x := range a {
		y, ok := b[name]
		if !ok {
			out[name] = x
			continue
		}
		out[name] = v1.ResourceRequirements{
			Requests: largerList(x.Requests, y.Requests, true), Limits: largerList(x.Limits, y.Limits, false), Claims: x.Claims,
		}
	}
	return out
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

// resizeContainers brings granted resources into force.
func (p *step) resizeContainers() {
	switch p.resize.stage {
	case settled:
		return
	case raising, settling:
		p.due(Action{Kind: EnsureCgroup})
		return
	}
	ready := true
	for c := range pods.AllContainers(p.Pod) {
		live := p.Observed.Latest(c.Name)
		if live == nil || live.Phase != podstate.Running || p.resize.done[live.ID] {
			continue
		}
		cpu, memory := p.differs(c, live)
		if !cpu && !memory {
			continue
		}
		ready = false
		if i := p.instances[live.ID]; i != nil && i.kill == nil {
			p.due(Action{Kind: ResizeContainer, Container: c.Name, ID: live.ID})
		}
	}
	if ready {
		p.resize.stage = settling
		p.due(Action{Kind: EnsureCgroup})
	}
}

// differs says whether the limits in force differ from those granted.
func (s *State) differs(c *v1.Container, live *podstate.Container) (cpu, memory bool) {
	if live.Resources == nil || s.settings.Resources == nil {
		// The runtime does not tell; every container is changed once.
		return true, true
	}
	want := s.settings.Resources(s.withAllocated(s.Pod), s.withGrant(c))
	have := live.Resources
	cpu = want.CPUShares != 0 && want.CPUShares != have.CpuShares || max(want.CPUQuota, 0) != max(have.CpuQuota, 0)
	memory = max(want.Memory, 0) != max(have.MemoryLimitInBytes, 0)
	return cpu, memory
}

// needsRestartToResize: the container's policy asks for a restart when a resource changes that has.
func (p *step) needsRestartToResize(c *v1.Container, live *podstate.Container) bool {
	if p.resize.stage != changing || p.resize.done[live.ID] || live.Phase != podstate.Running {
		return false
	}
	cpu, memory := p.differs(c, live)
	for _, policy := range c.ResizePolicy {
		if policy.RestartPolicy != v1.RestartContainer {
			continue
		}
		if policy.ResourceName == v1.ResourceCPU && cpu || policy.ResourceName == v1.ResourceMemory && memory {
			return true
		}
	}
	return false
}

// allocated are the granted resources of a container, nil when nothing was granted yet.
func (s *State) allocated(name string) *v1.ResourceRequirements {
	if g, ok := s.resize.granted[name]; ok {
		return &g
	}
	return nil
}

func (s *State) withGrant(c *v1.Container) *v1.Container {
	if g := s.allocated(c.Name); g != nil {
		copied := *c
		copied.Resources = *g
		return &copied
	}
	return c
}

// withAllocated is the pod with the resources that the node has granted.
func (s *State) withAllocated(pod *v1.Pod) *v1.Pod { return withResources(pod, s.resize.granted) }

// withCgroup is the pod with the resources that its cgroup needs now.
func (s *State) withCgroup(pod *v1.Pod) *v1.Pod {
	if s.resize.stage == raising || s.resize.stage == changing {
		return withResources(pod, larger(s.resize.granted, s.resize.before))
	}
	return s.withAllocated(pod)
}

func withResources(pod *v1.Pod, resources map[string]v1.ResourceRequirements) *v1.Pod {
	if resources == nil || sameResources(resources, specResources(pod)) {
		return pod
	}
	out := *pod
	out.Spec.InitContainers = slices.Clone(pod.Spec.InitContainers)
	out.Spec.Containers = slices.Clone(pod.Spec.Containers)
	for _, list := range [][]v1.Container{out.Spec.InitContainers, out.Spec.Containers} {
		for i := range list {
			if r, ok := resources[list[i].Name]; ok {
				list[i].Resources = r
			}
		}
	}
	return &out
}

func (s *State) resizeView() podstate.ResizeView {
	v := podstate.ResizeView{Pending: s.resize.pending, InProgress: s.resize.stage != settled}
	for c := range pods.AllContainers(s.Pod) {
		if fault := s.resize.faults[c.Name]; fault != "" && v.InProgressError == "" {
			v.InProgressError = fault
		}
	}
	return v
}
