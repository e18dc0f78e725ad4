package killpoint

// Name is a moment in a program.
type Name string

// The points.
const (
	// Answered: a write is committed, and its client has not heard of it.
	Answered Name = "answered"
	// ServiceAddressed: addresses are taken for a Service, and no ports, and the Service is not stored.
	ServiceAddressed Name = "service-addressed"
	// ServiceAllocated: addresses and ports are taken for a Service that is not stored, or not with them.
	ServiceAllocated Name = "service-allocated"
	// ServiceDeleted: a Service is gone, and its addresses and ports are still taken.
	ServiceDeleted Name = "service-deleted"
	// PodBound: a pod has its node, and the scheduler has not taken note of it nor told of it.
	PodBound Name = "pod-bound"
	// PodRemembered: the kubelet's record tells of the pod, and nothing of it exists yet.
	PodRemembered Name = "pod-remembered"
	// SandboxCreated: the runtime has made a sandbox, and the kubelet knows nothing of it.
	SandboxCreated Name = "sandbox-created"
	// ContainerCreated: a container is made and not started.
	ContainerCreated Name = "container-created"
	// ContainerStarted: a container runs, and nobody has been told.
	ContainerStarted Name = "container-started"
)

// All lists the points.
func All() []Name {
	return []Name{
		Answered, ServiceAddressed, ServiceAllocated, ServiceDeleted, PodBound, PodRemembered, SandboxCreated, ContainerCreated, ContainerStarted,
	}
}
