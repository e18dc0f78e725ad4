package scheduler

import (
	"context"
	"fmt"

	v1 "k8s.io/api/core/v1"
	"k8s.io/klog/v2"
	"k8s.io/kube-scheduler/framework"

	"github.com/proa-sh/proa/pkg/scheduler/profile"
	"github.com/proa-sh/proa/pkg/scheduler/queue"
)

// runCycles tries one pod after another until ctx ends.
func (s *Scheduler) runCycles(ctx context.Context) {
	for {
		p, err := s.queue.Pop(ctx)
		if err != nil {
			return
		}
		s.schedule(ctx, p)
	}
}

// attempt is one try at one pod.
type attempt struct {
	queued  *queue.Pod
	pod     *v1.Pod
	profile *profile.Profile
	state   *profile.CycleState
	// node is where the pod is to go, once that is known.
	node string
	// hasSlot says that the attempt is in a goroutine with a binding slot.
	hasSlot bool
	// expected says that the node has been written into the pod's status.
	expected bool
}

// schedule runs one pod's cycle, and starts its binding when it has found a node.
func (s *Scheduler) schedule(ctx context.Context, p *queue.Pod) {
	pod := p.Pod()
	a := &attempt{queued: p, pod: pod, profile: s.profiles[pod.Spec.SchedulerName], state: profile.NewCycleState()}
	if a.profile == nil || pod.DeletionTimestamp != nil || s.cache.IsAssumed(pod.UID) {
		s.queue.Done(pod.UID)
		return
	}
	p.UnschedulablePlugins, p.PendingPlugins = nil, nil
	s.cache.Update(s.snapshot)
	node, err := a.profile.FindNode(ctx, a.state, pod)
	if err != nil {
		s.cycleFailed(ctx, a, err)
		return
	}
	a.node = node
	if status := s.claim(ctx, a); status.IsWait() || status.IsSuccess() {
		s.startBinding(ctx, a, status.IsWait())
	} else {
		s.giveUp(ctx, a, status)
	}
}

// claim counts the pod on its node and asks plugins for what else it needs there. Status Wait means that the binding
// must wait for Permit plugins.
func (s *Scheduler) claim(ctx context.Context, a *attempt) *framework.Status {
	if err := s.cache.AssumePod(a.queued.Info, a.node); err != nil {
		return framework.AsStatus(err)
	}
	if s.queue.Gone(a.pod.UID) {
		// Nobody will tell that it has gone again.
		return framework.NewStatus(framework.Unschedulable, "pod was deleted while it was scheduled")
	}
	// The pod is counted on its node now; room in prospect is not needed any more.
	s.nominator.DeleteNominatedPodIfExists(a.pod)
	if status := a.profile.RunReservePluginsReserve(ctx, a.state, a.pod, a.node); !status.IsSuccess() {
		return status
	}
	return a.profile.RunPermitPlugins(ctx, a.state, a.pod, a.node)
}

// giveUp undoes a claim, and takes the pod back to the queue.
func (s *Scheduler) giveUp(ctx context.Context, a *attempt, status *framework.Status) {
	a.profile.RunReservePluginsUnreserve(ctx, a.state, a.pod, a.node)
	if s.cache.IsAssumed(a.pod.UID) {
		if err := s.cache.ForgetPod(a.pod); err != nil {
			klog.FromContext(ctx).Error(err, "Could not take pod off its node", "pod", klog.KObj(a.pod), "node", a.node)
		}
		// To others this is as if a pod on that node had been deleted. The pod itself did not lack that room.
		s.queue.NotifyOthers(ctx, a.queued, podDeleted, onNodeNamed(a.pod, a.node), nil)
	}
	s.bindingFailed(ctx, a, status)
}

// cycleFailed takes a pod without a node back to the queue. If it fits nowhere, plugins may make room for it first.
func (s *Scheduler) cycleFailed(ctx context.Context, a *attempt, err error) {
	fit, ok := asFitError(err)
	if !ok {
		s.report(ctx, a, v1.PodReasonSchedulerError, fmt.Errorf("schedule pod: %w", err), nil)
		return
	}
	a.queued.UnschedulablePlugins = fit.Diagnosis.UnschedulablePlugins
	a.queued.PendingPlugins = fit.Diagnosis.PendingPlugins
	result, status := a.profile.RunPostFilterPlugins(ctx, a.state, a.pod, &fit.Diagnosis)
	fit.Diagnosis.PostFilterMessage = status.Message()
	if status.IsError() {
		klog.FromContext(ctx).Error(status.AsError(), "Could not make room for pod", "pod", klog.KObj(a.pod))
	}
	var nominating *framework.NominatingInfo
	if result != nil {
		nominating = result.NominatingInfo
	}
	s.report(ctx, a, v1.PodReasonUnschedulable, fit, nominating)
}
