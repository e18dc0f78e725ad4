package queue

import (
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/kube-scheduler/framework"

	"github.com/proa-sh/proa/pkg/scheduler/cache"
)

// place says where in the queue a pod is.
type place int

const (
	nowhere place = iota
	active
	backoff
	errorBackoff
	unschedulable
	inFlight
)

func (p place) String() string {
	return [...]string{"nowhere", "active", "backoff", "errors", "unschedulable", "in flight"}[p]
}

// Pod is a pod in the queue with the history of its attempts. It belongs to the queue, and between Pop and the return
// of the pod to its popper, who may write the exported fields.
type Pod struct {
	// Info is the pod as the cycle sees it.
	Info *cache.PodInfo
	// UnschedulablePlugins and PendingPlugins turned the pod down in its last attempt. When both are empty, that
	// attempt failed by an error.
	UnschedulablePlugins sets.Set[string]
	PendingPlugins       sets.Set[string]

	timestamp         time.Time
	firstAttempt      *time.Time
	backoffUntil      time.Time
	attempts          int
	unschedulableRuns int
	errorRuns         int
	gatingPlugin      string
	gatingEvents      []framework.ClusterEvent

	place place
	index int
	// seen is the number of the last event that was held against the pod.
	seen uint64
	// eventsFrom is, in flight, the position in the event log from which events count for the pod.
	eventsFrom int
	// latest is, in flight, the pod's newest version when it changed meanwhile; gone says it was deleted.
	latest *v1.Pod
	gone   bool
}

var _ framework.QueuedPodInfo = &Pod{}

// GetPodInfo is the pod with what was computed from it.
func (p *Pod) GetPodInfo() framework.PodInfo { return p.Info }

// Pod is the pod object. Read-only.
func (p *Pod) Pod() *v1.Pod { return p.Info.GetPod() }

// GetTimestamp is when the pod last came into the queue.
func (p *Pod) GetTimestamp() time.Time { return p.timestamp }

// GetAttempts is how often the pod has been popped.
func (p *Pod) GetAttempts() int { return p.attempts }

// GetBackoffExpiration is when the penalty of the last failure ends.
func (p *Pod) GetBackoffExpiration() time.Time { return p.backoffUntil }

// GetUnschedulableCount is how many attempts ended because the pod did not fit.
func (p *Pod) GetUnschedulableCount() int { return p.unschedulableRuns }

// GetConsecutiveErrorsCount is how many of the last attempts ended by an error.
func (p *Pod) GetConsecutiveErrorsCount() int { return p.errorRuns }

// GetInitialAttemptTimestamp is when the pod was first popped.
func (p *Pod) GetInitialAttemptTimestamp() *time.Time { return p.firstAttempt }

// GetUnschedulablePlugins turned the pod down in its last attempt.
func (p *Pod) GetUnschedulablePlugins() sets.Set[string] { return p.UnschedulablePlugins }

// GetPendingPlugins asked the pod to wait in its last attempt.
func (p *Pod) GetPendingPlugins() sets.Set[string] { return p.PendingPlugins }

// GetGatingPlugin keeps the pod from being tried at all.
func (p *Pod) GetGatingPlugin() string { return p.gatingPlugin }

// GetGatingPluginEvents are the events that may open the gate.
func (p *Pod) GetGatingPluginEvents() []framework.ClusterEvent { return p.gatingEvents }

// rejecters yields the plugins whose hints decide when an unschedulable pod is tried again.
func (p *Pod) rejecters(yield func(string) bool) {
	if p.gatingPlugin != "" {
		yield(p.gatingPlugin)
		return
	}
	for name := range p.UnschedulablePlugins {
		if !yield(name) {
			return
		}
	}
	for name := range p.PendingPlugins {
		if !p.UnschedulablePlugins.Has(name) && !yield(name) {
			return
		}
	}
}
