package worker

import (
	"strconv"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/proa-sh/proa/pkg/kubelet/podstate"
)

// Settings are the same for every pod of a node.
type Settings struct {
	// CrashMax is the longest back-off before a restart.
	CrashMax time.Duration
	// HostIPs are the node's addresses.
	HostIPs []string
	// RuntimeName is the scheme of container ids.
	RuntimeName string
	// Hash identifies the definition of a container whose change needs a restart.
	Hash func(*v1.Container) string
	// Resources are the limits that the runtime should have in force for a container; a running instance whose limits
	// differ is changed in place.
	Resources func(pod *v1.Pod, c *v1.Container) Limits
}

// State is all that is known of one pod: what its Phase follows from, with the facts of each phase together. It is owned by one
// goroutine.
type State struct {
	settings Settings
	// Pod is the desired pod with the newest known API status. Never nil.
	Pod *v1.Pod
	// Gone: the object is no longer in the API.
	Gone bool
	// Observed is the runtime's picture; meaningless before known.
	Observed podstate.Observed
	known    bool
	// dirty: something happened since Observed was read.
	dirty bool

	admitted admitted
	prepared prepared
	// Ending is set once and for all when the pod is to end.
	Ending   *podstate.Ending
	stopping stopping
	cleaned  cleaned

	memos     map[string]*memo
	instances map[string]*instance
	resize    resizeState
	// restartAll follows a restart of all containers.
	restartAll restartAll

	// busy are the actions under way by key, retries the failed ones that wait.
	busy    map[string]Action
	retries map[string]retry
}

// admitted are the facts of Admitting.
type admitted struct {
	// taken: an earlier kubelet ran the pod, so that it does not have to be written down before it is acted on.
	taken bool
	// recorded is what was written down last for the next kubelet, nil before; remembering is what is being written.
	recorded    *podstate.Memory
	remembering podstate.Memory
}

// prepared are the facts of Preparing, beside the sandbox, which the runtime tells.
type prepared struct {
	cgroup       bool
	cgroupParent string
	// mounted: the volumes are ready, each as volumes says.
	mounted bool
	volumes map[string]podstate.VolumePath
	// stale: what the volumes hold is to be brought up to date; refreshAt is when it is in any case, zero for never.
	stale     bool
	refreshAt time.Time
}

// stopping are the facts of Stopping, beside the containers, which the runtime tells.
type stopping struct {
	// began is when it was seen that the pod is to end; deletedBefore: it was being deleted already when this kubelet saw it first.
	began         time.Time
	deletedBefore bool
	// sandboxes are those of which the runtime has said that network and all are gone; a sandbox that died by itself still holds
	// its address. They count also for a pod that goes on.
	sandboxes map[string]bool
	// refusals counts how often in a row the API has refused the status.
	refusals int
}

// cleaned says what is gone of an ended pod: its volumes and cgroup, then its object by our request, then its logs, the very last.
type cleaned struct{ volumes, cgroup, object, logs bool }

// memo is what is remembered of a container across its instances.
type memo struct {
	waiting podstate.Reason
	// pulled is the image for the next start; used up by it.
	pulled bool
	image  podstate.Image
	// pullFault is the last failure to pull, shown as back-off after a while.
	pullFault string
	pullShow  time.Time
	crash     crash
	// made is how many instances have been started, as far as the runtime has told.
	made uint32
	// backedOff is the exit for which the BackOff event was recorded.
	backedOff string
}

// instance is what is remembered of a container instance.
type instance struct {
	// postStart is how far its postStart hook is.
	postStart hookPhase
	// started: the start-up probe has passed; ready: the readiness probe has.
	started, ready bool
	// unhealthy names the probe that failed for good.
	unhealthy podstate.ProbeKind
	kill      *kill
	// preStopped: the preStop hook has ended.
	preStopped bool
}

// hookPhase is how far a postStart hook is.
type hookPhase int

const (
	hookDue hookPhase = iota
	// hookEnded: well, or there is none.
	hookEnded
	hookFailed
)

// kill is the ending of one instance.
type kill struct {
	began time.Time
	grace int64
	// planned: the container is restarted because the pod changed; that is no crash.
	planned bool
	stopBy  time.Time
}

// NewState starts from the desired pod; Recall says what is known of it from before.
func NewState(pod *v1.Pod, settings Settings) *State {
	s := &State{
		settings:  settings,
		Pod:       pod,
		stopping:  stopping{deletedBefore: pod.DeletionTimestamp != nil, sandboxes: map[string]bool{}},
		memos:     map[string]*memo{},
		instances: map[string]*instance{},
		busy:      map[string]Action{},
		retries:   map[string]retry{},
	}
	s.Recall(nil)
	return s
}

// Reject ends a pod that the node does not take.
func (s *State) Reject(reason, message string) {
	if s.Ending == nil {
		s.Ending = &podstate.Ending{Rejected: true, Phase: v1.PodFailed, Reason: reason, Message: message}
	}
}

// End ends the pod for a reason that is not in its object (eviction).
func (s *State) End(e podstate.Ending, now time.Time) {
	if s.Ending == nil {
		s.Ending, s.stopping.began = &e, now
	}
}

// SetPod takes in a change of the desired pod or of its status in the API. An older version is ignored.
func (s *State) SetPod(pod *v1.Pod) {
	if older(pod, s.Pod) {
		return
	}
	if pod.Generation != s.Pod.Generation || !equality.Semantic.DeepEqual(pod.Spec, s.Pod.Spec) {
		// What the pod asks for may now be possible, and may be another image.
		s.Nudge()
		for _, m := range s.memos {
			m.pulled = false
		}
	}
	if !equality.Semantic.DeepEqual(pod.Labels, s.Pod.Labels) || !equality.Semantic.DeepEqual(pod.Annotations, s.Pod.Annotations) {
		s.prepared.stale = true
		s.Nudge()
	}
	s.Pod = pod
}

// older compares resource versions; what cannot be compared counts as news.
func older(a, b *v1.Pod) bool {
	x, errX := strconv.ParseUint(a.ResourceVersion, 10, 64)
	y, errY := strconv.ParseUint(b.ResourceVersion, 10, 64)
	return errX == nil && errY == nil && x < y
}

// Nudge cuts the waits short that depend on the pod or on objects that it names.
func (s *State) Nudge() {
	for key, r := range s.retries {
		if r.delay > 0 {
			r.at = time.Time{}
			s.retries[key] = r
		}
	}
}

// Refresh says that an object which the pod names has changed.
func (s *State) Refresh() {
	s.prepared.stale = true
	s.Nudge()
}

// Touch says that something happened in the runtime.
func (s *State) Touch() { s.dirty = true }

// Probe takes in a probe's verdict.
func (s *State) Probe(r podstate.ProbeResult) {
	i := s.instances[r.ContainerID]
	if i == nil {
		return
	}
	switch {
	case r.Kind == podstate.Readiness:
		i.ready = r.Healthy
	case !r.Healthy:
		i.unhealthy = r.Kind
	case r.Kind == podstate.Startup:
		i.started = true
	}
}

func (s *State) memo(name string) *memo {
	m := s.memos[name]
	if m == nil {
		m = &memo{}
		s.memos[name] = m
	}
	return m
}
