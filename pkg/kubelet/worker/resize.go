package worker

import (
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"

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
	// granted are the resources that the node has granted.
	granted podstate.Allocation
	// before is what was granted when the resize began, nil while none is under way; the cgroup has to hold both.
	before *podstate.Allocation
	// pending is why the node has not granted what the spec says.
	pending podstate.Reason
	// asked is the generation of the spec for which the node was asked last, answered that for which it has said what it does.
	asked, answered int64
	stage           stage
	// applying is what the pod's cgroup is being given, applied what it has; nil before this kubelet has given it anything.
	applying podstate.Allocation
	applied  *podstate.Allocation
	// done are the instances that were changed in this resize, faults the last failures by container.
	done   map[string]bool
	faults map[string]string
}

// podFault is the place of the pod's own fault among those of its containers.
const podFault = ""

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

// forCgroup is what the pod's cgroup has to hold in the present stage.
func (r *resizeState) forCgroup() podstate.Allocation {
	if r.stage == raising || r.stage == changing {
		return r.granted.Larger(*r.before)
	}
	return r.granted
}

// cgroupDone takes in that the pod's cgroup has what it was being given. If that is no longer what the stage needs it is given
// more.
func (r *resizeState) cgroupDone() {
	applied := r.applying
	r.applied = &applied
	if !applied.Same(r.forCgroup()) {
		return
	}
	switch r.stage {
	case raising:
		r.stage = changing
	case settling:
		r.stage, r.before, r.done, r.faults = settled, nil, nil, nil
	}
}

// grant takes over what the node has granted.
func (r *resizeState) grant(granted podstate.Allocation) {
	before := r.granted
	if r.before != nil {
		before = r.before.Larger(r.granted)
	}
	r.before = &before
	r.granted, r.pending, r.stage, r.done, r.faults = granted, podstate.Reason{}, raising, map[string]bool{}, nil
}

// allocate asks the node for what the spec says, if that is not what it has granted.
func (p *step) allocate() {
	if p.resize.granted.Same(podstate.AllocationOf(p.Pod)) {
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
	if s.Ending == nil && s.resize.answered < s.Pod.Generation {
		return s.Pod.Status.ObservedGeneration
	}
	return s.Pod.Generation
}

// Recall starts from what an earlier kubelet remembered of the pod; nil is from what the API shows of it, and from the spec if
// that is nothing: a pod that is new, or of which the memory is lost.
func (s *State) Recall(m *podstate.Memory) {
	if m != nil {
		s.admitted.recorded, s.admitted.taken = m, true
		s.resize.granted = m.Granted
		s.restartAll.under = m.RestartingAll
		if m.Before != nil {
			s.resize.resume(*m.Before)
		}
		return
	}
	s.resize.granted = podstate.AllocationOf(s.Pod)
	pending, progress := false, false
	for _, c := range s.Pod.Status.Conditions {
		pending = pending || c.Type == v1.PodResizePending && c.Status == v1.ConditionTrue
		progress = progress || c.Type == v1.PodResizeInProgress && c.Status == v1.ConditionTrue
	}
	if pending || !progress {
		s.resize.granted = podstate.AllocationShown(s.Pod)
	}
	if progress {
		s.resize.resume(s.resize.granted)
	}
}

// resume goes on with a resize that was under way.
func (r *resizeState) resume(before podstate.Allocation) {
	r.stage, r.before, r.done = raising, &before, map[string]bool{}
}

// memory is what the next kubelet has to know.
func (s *State) memory() podstate.Memory {
	return podstate.Memory{Granted: s.resize.granted, Before: s.resize.before, RestartingAll: s.restartAll.under}
}

// remember writes down what the next kubelet has to know and says whether it may be acted on: not before it is written, but for a pod
// that runs already when this kubelet finds it.
func (p *step) remember() bool {
	a, now := &p.admitted, p.memory()
	if a.recorded == nil || !equality.Semantic.DeepEqual(*a.recorded, now) {
		if p.due(Action{Kind: Remember}) {
			a.remembering = now
		}
	}
	if a.recorded == nil {
		return a.taken
	}
	return a.recorded.Granted.Same(now.Granted) && (a.recorded.RestartingAll || !now.RestartingAll)
}

// resizeContainers brings granted resources into force.
func (p *step) resizeContainers() {
	switch p.resize.stage {
	case settled:
		return
	case raising, settling:
		p.ensureCgroup()
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
		p.ensureCgroup()
	}
}

func (p *step) ensureCgroup() {
	if p.due(Action{Kind: EnsureCgroup}) {
		p.resize.applying = p.resize.forCgroup()
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

// allocated are the granted resources of a container, nil for one that the grant does not know.
func (s *State) allocated(name string) *v1.ResourceRequirements {
	if g, ok := s.resize.granted.Containers[name]; ok {
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
func (s *State) withAllocated(pod *v1.Pod) *v1.Pod { return s.resize.granted.On(pod) }

// withCgroup is the pod with the resources that its cgroup is being given.
func (s *State) withCgroup(pod *v1.Pod) *v1.Pod { return s.resize.applying.On(pod) }

func (s *State) resizeView() podstate.ResizeView {
	v := podstate.ResizeView{
		Pending: s.resize.pending, InProgress: s.resize.stage != settled, InProgressError: s.resize.faults[podFault], Granted: s.resize.granted.Pod,
	}
	if s.resize.applied != nil {
		v.InForce = s.resize.applied.Pod
	}
	for c := range pods.AllContainers(s.Pod) {
		if fault := s.resize.faults[c.Name]; fault != "" && v.InProgressError == "" {
			v.InProgressError = fault
		}
	}
	return v
}
