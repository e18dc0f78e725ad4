package podstate

import (
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

// ProbeKind names one of the three probes of a container.
type ProbeKind string

// The probes, as written in event messages.
const (
	Startup   ProbeKind = "Startup"
	Readiness ProbeKind = "Readiness"
	Liveness  ProbeKind = "Liveness"
)

// ProbeResult is a verdict that has passed its threshold.
type ProbeResult struct {
	UID         types.UID
	Container   string
	ContainerID string
	Kind        ProbeKind
	Healthy     bool
}

// Reason is why something waits or has failed, in the two parts that the API shows.
type Reason struct {
	Reason  string
	Message string
}

// ContainerView is what the worker knows of a container beyond the runtime's word.
type ContainerView struct {
	// Waiting says why the container does not run; empty while it runs or when nothing is known yet.
	Waiting Reason
	// Started: the start-up probe has passed (or there is none) and the postStart hook has ended.
	Started bool
	// Ready: started, and the readiness probe passes (or there is none).
	Ready bool
	// Hooking: the postStart hook is still running; the container does not count as running yet.
	Hooking bool
	// Allocated are the resources that the node has granted, nil for what the spec says.
	Allocated *v1.ResourceRequirements
}

// Ending is why a pod is being ended, for good.
type Ending struct {
	// Rejected: the node never took the pod; it has no containers to report.
	Rejected bool
	// Phase is forced if not empty; otherwise it follows from the exit codes. It shows once nothing runs any more.
	Phase v1.PodPhase
	// Reason and Message are shown in the pod's status.
	Reason  string
	Message string
	// Condition is added to the status (DisruptionTarget), if not nil.
	Condition *v1.PodCondition
	// Grace in seconds overrides the pod's own period, if not nil.
	Grace *int64
}

// ResizeView is how far the change of a pod's resources has come.
type ResizeView struct {
	// Pending is Deferred or Infeasible with its message; empty when the node has granted what the spec says.
	Pending Reason
	// InProgress: granted, not in force in every container yet. InProgressError is the last failure.
	InProgress      bool
	InProgressError string
	// Granted are the resources that the node has granted to the pod as a whole, InForce those that its cgroup has; nil for a pod
	// that asks for none, or before they are known.
	Granted, InForce *v1.ResourceRequirements
}

// View is everything from which a pod's status is computed.
type View struct {
	// Pod is the desired pod; its status is the newest one known to be in the API.
	Pod *v1.Pod
	// Generation is that of the spec on which the node has acted.
	Generation int64
	Observed   Observed
	Containers map[string]ContainerView
	// Ending is nil while the pod is meant to run.
	Ending *Ending
	// Finished: nothing of the pod runs any more and nothing will.
	Finished bool
	Resize   ResizeView
	// RestartingAll is why all containers are being ended to be restarted; empty while they are not.
	RestartingAll string
	// HostIPs are the node's addresses, the primary one first.
	HostIPs []string
	// RuntimeName is the scheme of container ids in the API ("containerd").
	RuntimeName string
	Now         time.Time
}

// ProbeTarget is a running container instance to probe.
type ProbeTarget struct {
	Container   *v1.Container
	ContainerID string
	// Host is the pod's address.
	Host      string
	StartedAt time.Time
	// Started: the start-up probe has passed; readiness and liveness run only then.
	Started bool
	// Ending: the pod is being ended; only readiness is of interest.
	Ending bool
}

// Image is an image on the node.
type Image struct {
	// Ref is what the runtime creates containers from.
	Ref string
	// UID and Username are the user of the image's configuration; neither means root or unknown.
	UID      *int64
	Username string
}
