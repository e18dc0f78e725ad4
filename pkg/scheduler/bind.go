package scheduler

import (
	"context"
	"encoding/json"
	"errors"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/klog/v2"
	"k8s.io/kube-scheduler/framework"

	"github.com/proa-sh/proa/pkg/killpoint"
)

// startBinding binds a pod in a goroutine of its own. It waits for one of a bounded number of slots, but a pod that
// waits at Permit, which others must be scheduled to end, holds none.
func (s *Scheduler) startBinding(ctx context.Context, a *attempt, wait bool) {
	if wait {
		s.workers.Go(func() {
			s.expect(ctx, a)
			if status := a.profile.WaitOnPermit(ctx, a.pod); !status.IsSuccess() {
				s.giveUp(ctx, a, status)
				return
			}
			if s.takeSlot(ctx, a) {
				defer s.freeSlot()
				s.bind(ctx, a)
			}
		})
		return
	}
	if !s.takeSlot(ctx, a) {
		return
	}
	s.workers.Go(func() {
		defer s.freeSlot()
		s.bind(ctx, a)
	})
}

// takeSlot is false when ctx has ended; the attempt is given up then.
func (s *Scheduler) takeSlot(ctx context.Context, a *attempt) bool {
	select {
	case s.bindings <- struct{}{}:
		a.hasSlot = true
		return true
	case <-ctx.Done():
		s.giveUp(ctx, a, framework.AsStatus(context.Cause(ctx)))
		return false
	}
}

func (s *Scheduler) freeSlot() { <-s.bindings }

// bind runs the binding part of an attempt.
func (s *Scheduler) bind(ctx context.Context, a *attempt) {
	if status := s.preBind(ctx, a); !status.IsSuccess() {
		s.giveUp(ctx, a, status)
		return
	}
	if status := a.profile.RunBindPlugins(ctx, a.state, a.pod, a.node); !status.IsSuccess() {
		s.giveUp(ctx, a, status)
		return
	}
	killpoint.Here(killpoint.PodBound)
	s.queue.Done(a.pod.UID)
	klog.FromContext(ctx).V(2).Info("Bound pod", "pod", klog.KObj(a.pod), "node", a.node, "attempts", a.queued.GetAttempts())
	s.recorders[a.pod.Spec.SchedulerName].Eventf(a.pod, nil, v1.EventTypeNormal, "Scheduled", "Binding",
		"Successfully assigned %s/%s to %s", a.pod.Namespace, a.pod.Name, a.node)
	a.profile.RunPostBindPlugins(ctx, a.state, a.pod, a.node)
}

// expect writes where the pod is going to run, before something that may take long, once an attempt. Whoever adds nodes can
// count on it, and a scheduler that starts anew begins there (KEP-5278). The pod is bound all the same if it cannot be
// written.
func (s *Scheduler) expect(ctx context.Context, a *attempt) {
	if a.expected || a.pod.Status.NominatedNodeName == a.node {
		return
	}
	a.expected = true
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"uid": a.pod.UID}, "status": map[string]any{"nominatedNodeName": a.node}})
	if err != nil {
		klog.FromContext(ctx).Error(err, "Could not make patch of pod status", "pod", klog.KObj(a.pod))
		return
	}
	if !a.hasSlot {
		select {
		case s.bindings <- struct{}{}:
			defer s.freeSlot()
		case <-ctx.Done():
			return
		}
	}
	s.patchStatus(ctx, a.pod, patch)
}

// preBind does what must be done before the pod is bound. Preemption may cancel it.
func (s *Scheduler) preBind(ctx context.Context, a *attempt) *framework.Status {
	status := a.profile.RunPreBindPreFlights(ctx, a.state, a.pod, a.node)
	if status.IsSkip() {
		return nil
	}
	if !status.IsSuccess() {
		return status
	}
	s.expect(ctx, a)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	a.profile.AddPodInPreBind(a.pod.UID, cancel)
	defer a.profile.RemovePodInPreBind(a.pod.UID)
	if status := a.profile.RunPreBindPlugins(ctx, a.state, a.pod, a.node); !status.IsSuccess() {
		return status
	}
	if !a.profile.GetPodInPreBind(a.pod.UID).MarkPrebound() {
		return framework.AsStatus(context.Cause(ctx))
	}
	return nil
}

// bindingFailed takes a pod back to the queue whose claim on a node came to nothing.
func (s *Scheduler) bindingFailed(ctx context.Context, a *attempt, status *framework.Status) {
	err := status.AsError()
	if err == nil {
		err = errors.New("unexpected status " + status.Code().String())
	}
	if apierrors.IsNotFound(err) {
		klog.FromContext(ctx).V(2).Info("Pod or node went away while it was bound", "pod", klog.KObj(a.pod), "node", a.node)
	}
	reason := v1.PodReasonSchedulerError
	if status.IsRejected() {
		reason = v1.PodReasonUnschedulable
		plugins := sets.New[string]()
		if status.Plugin() != "" {
			plugins.Insert(status.Plugin())
		}
		if status.Code() == framework.Pending {
			a.queued.PendingPlugins = plugins
		} else {
			a.queued.UnschedulablePlugins = plugins
		}
	}
	s.report(ctx, a, reason, err, nil)
}
