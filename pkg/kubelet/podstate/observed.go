package podstate

import (
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// Phase is the state of one container in the runtime.
type Phase string

// The states of a container.
const (
	Created Phase = "created"
	Running Phase = "running"
	Exited  Phase = "exited"
	// Unknown is a container whose shim does not answer. It may run; it has to be stopped before anything replaces it.
	Unknown Phase = "unknown"
)

// Observed is what the container runtime says about one pod at one moment.
type Observed struct {
	UID       types.UID
	Namespace string
	Name      string
	// Sandboxes are newest first.
	Sandboxes []Sandbox
	// Containers of all sandboxes, newest first.
	Containers []Container
}

// Sandbox is one pod sandbox.
type Sandbox struct {
	ID      string
	Attempt uint32
	Ready   bool
	// IPs are the pod's addresses, the primary one first; empty with the host's network.
	IPs       []string
	CreatedAt time.Time
}

// Container is one container instance. A restart makes a new instance with the next Attempt.
type Container struct {
	ID        string
	Name      string
	SandboxID string
	// Attempt is the restart count with which the instance was made.
	Attempt    uint32
	Phase      Phase
	CreatedAt  time.Time
	StartedAt  time.Time
	FinishedAt time.Time
	ExitCode   int32
	Reason     string
	// Message is the termination message, already read from its file or log.
	Message string
	// Image is the name given in the pod, ImageID the digest that status reports.
	Image   string
	ImageID string
	// Hash tells whether the definition in the pod has changed since.
	Hash       string
	LogPath    string
	StopSignal string
	// Resources are the limits in force, nil when the runtime does not tell.
	Resources *runtimeapi.LinuxContainerResources
	// User is the first process's identity, nil when the runtime does not tell.
	User *runtimeapi.LinuxContainerUser
	// Mounts are the mounts of the instance.
	Mounts []*runtimeapi.Mount
	// GracePeriod is the seconds that the pod granted when the instance was made; 0 when unknown.
	GracePeriod int64
	// PreStop is the instance's preStop hook and Ports those that it may name, as the kubelet that made it told the runtime; nil
	// without one.
	PreStop *v1.LifecycleHandler
	Ports   []v1.ContainerPort
	// PreStopDone says that the preStop hook has ended, perhaps under an earlier kubelet. Set while the instance lives.
	PreStopDone bool
}

// Sandbox returns the newest sandbox, or nil.
func (o *Observed) Sandbox() *Sandbox {
	if len(o.Sandboxes) == 0 {
		return nil
	}
	return &o.Sandboxes[0]
}

// ReadySandbox returns the newest sandbox if it is ready, or nil.
func (o *Observed) ReadySandbox() *Sandbox {
	if s := o.Sandbox(); s != nil && s.Ready {
		return s
	}
	return nil
}

// Latest returns the newest instance of the named container, or nil.
func (o *Observed) Latest(name string) *Container { return o.nth(name, 0) }

// Previous returns the instance before the newest of the named container, or nil.
func (o *Observed) Previous(name string) *Container { return o.nth(name, 1) }

func (o *Observed) nth(name string, n int) *Container {
	for i := range o.Containers {
		if o.Containers[i].Name != name {
			continue
		}
		if n == 0 {
			return &o.Containers[i]
		}
		n--
	}
	return nil
}

// Instance returns the container with that id, or nil.
func (o *Observed) Instance(id string) *Container {
	for i := range o.Containers {
		if o.Containers[i].ID == id {
			return &o.Containers[i]
		}
	}
	return nil
}

// HasSandbox says whether the sandbox with that id exists.
func (o *Observed) HasSandbox(id string) bool {
	for i := range o.Sandboxes {
		if o.Sandboxes[i].ID == id {
			return true
		}
	}
	return false
}

// Live returns the instances that run or may run, newest first.
func (o *Observed) Live() []Container {
	var live []Container
	for _, c := range o.Containers {
		if c.Phase == Running || c.Phase == Unknown {
			live = append(live, c)
		}
	}
	return live
}

// Empty says that the runtime holds nothing of the pod.
func (o *Observed) Empty() bool { return len(o.Sandboxes) == 0 && len(o.Containers) == 0 }
