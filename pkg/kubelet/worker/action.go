package worker

import (
	"fmt"
	"strings"
	"time"

	v1 "k8s.io/api/core/v1"

	"github.com/proa-sh/proa/pkg/kubelet/podstate"
)

// Kind is what an action does.
type Kind string

// The actions. One that needs time is under way at most once per target.
const (
	// Inspect reads the pod's state from the runtime.
	Inspect Kind = "inspect"
	// Remember writes down what the next kubelet has to know of the pod, before this one acts on it.
	Remember Kind = "remember"
	// EnsureCgroup makes the pod's cgroup, or brings its limits up to date.
	EnsureCgroup Kind = "ensure-cgroup"
	// MountVolumes makes the pod's volumes ready.
	MountVolumes Kind = "mount-volumes"
	// RefreshVolumes brings the content of ready volumes up to date.
	RefreshVolumes Kind = "refresh-volumes"
	// CreateSandbox makes the pod's sandbox.
	CreateSandbox Kind = "create-sandbox"
	// PullImage brings a container's image to the node.
	PullImage Kind = "pull-image"
	// StartContainer creates and starts an instance.
	StartContainer Kind = "start-container"
	// PostStart runs a container's postStart hook.
	PostStart Kind = "post-start"
	// PreStop runs an instance's preStop hook.
	PreStop Kind = "pre-stop"
	// StopContainer ends an instance: its stop signal, and after Grace seconds a kill.
	StopContainer Kind = "stop-container"
	// RemoveContainer removes a dead instance with its logs.
	RemoveContainer Kind = "remove-container"
	// GrantResources asks the node for the resources of a changed spec.
	GrantResources Kind = "grant-resources"
	// ResizeContainer brings the limits of a running instance up to date.
	ResizeContainer Kind = "resize-container"
	// StopSandbox ends a sandbox and what is in it.
	StopSandbox Kind = "stop-sandbox"
	// RemoveSandbox removes a stopped sandbox.
	RemoveSandbox Kind = "remove-sandbox"
	// UnmountVolumes takes the pod's volumes away.
	UnmountVolumes Kind = "unmount-volumes"
	// RemoveCgroup removes the pod's cgroup.
	RemoveCgroup Kind = "remove-cgroup"
	// RemoveLogs removes the pod's log directory.
	RemoveLogs Kind = "remove-logs"
	// PublishStatus writes the status to the API.
	PublishStatus Kind = "publish-status"
	// DeletePod removes the pod's object from the API.
	DeletePod Kind = "delete-pod"
	// Event records an event; it takes no time and has no result.
	Event Kind = "event"
)

// Action is one thing to do. It is comparable.
type Action struct {
	Kind Kind
	// Container is the container's name, if the action is about one.
	Container string
	// ID is the container instance or sandbox, if one exists.
	ID string
	// Attempt of the instance or sandbox to create.
	Attempt uint32
	// Grace in seconds for StopContainer and PreStop.
	Grace int64
	// Reason, Message and Warning of an Event.
	Reason, Message string
	Warning         bool
}

// key names what may be under way only once.
func (a Action) key() string { return string(a.Kind) + "/" + a.Container + "/" + a.ID }

// String writes the action as scenarios show it.
func (a Action) String() string {
	parts := []string{string(a.Kind)}
	if a.Container != "" {
		parts = append(parts, a.Container)
	}
	if a.ID != "" {
		parts = append(parts, "id="+a.ID)
	}
	switch a.Kind {
	case StartContainer, CreateSandbox:
		parts = append(parts, fmt.Sprintf("attempt=%d", a.Attempt))
	case StopContainer, PreStop:
		parts = append(parts, fmt.Sprintf("grace=%d", a.Grace))
	case Event:
		level := v1.EventTypeNormal
		if a.Warning {
			level = v1.EventTypeWarning
		}
		parts = append(parts, level, a.Reason+":", a.Message)
	}
	return strings.Join(parts, " ")
}

// Result is how an action ended.
type Result struct {
	Action Action
	Err    error
	// Waiting is what the container's status shows because of Err; empty leaves it.
	Waiting podstate.Reason
	// Observed is set by Inspect.
	Observed podstate.Observed
	// CgroupParent is set by EnsureCgroup.
	CgroupParent string
	// Volumes are set by MountVolumes.
	Volumes map[string]podstate.VolumePath
	// Image is set by PullImage.
	Image podstate.Image
	// ID of the instance that StartContainer started.
	ID string
	// Pod is set by PublishStatus: the object as the API now has it.
	Pod *v1.Pod
	// Gone is set by PublishStatus and DeletePod when the object is not in the API any more.
	Gone bool
	// Refused is set by PublishStatus with an Err that trying again will hardly mend.
	Refused bool
	// Granted are the resources that GrantResources was asked for; nil when Waiting says why they are not granted.
	Granted *podstate.Allocation
	// Refresh is when volumes have to be refreshed next; zero for never. Set by MountVolumes and RefreshVolumes.
	Refresh time.Time
}

// Task is an action with what is needed to carry it out. Everything in it is read-only.
type Task struct {
	Action Action
	// Pod carries the newest known addresses in its status.
	Pod      *v1.Pod
	Observed podstate.Observed
	// CgroupParent, Volumes and Image are what earlier actions gave.
	CgroupParent string
	Volumes      map[string]podstate.VolumePath
	Image        podstate.Image
	// Status is what to publish.
	Status *v1.PodStatus
	// Memory is what Remember writes.
	Memory podstate.Memory
}
