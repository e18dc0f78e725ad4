package scheduler

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"
	"k8s.io/kube-scheduler/framework"

	"github.com/proa-sh/proa/pkg/scheduler/profile"
)

// maxMessage bounds an event's note, as the API does.
const maxMessage = 1024

func asFitError(err error) (*profile.FitError, bool) {
	var fit *profile.FitError
	return fit, errors.As(err, &fit)
}

// report takes a pod back to the queue and says why: in an event and in the pod's condition. The nominated node, if any,
// is recorded at once, for the next cycle must respect it; the API server is told by the same goroutine that binds.
func (s *Scheduler) report(ctx context.Context, a *attempt, reason string, cause error, nominating *framework.NominatingInfo) {
	logger := klog.FromContext(ctx)
	message := cause.Error()
	if reason == v1.PodReasonSchedulerError {
		logger.Error(cause, "Could not schedule pod, trying again", "pod", klog.KObj(a.pod))
	} else {
		logger.V(2).Info("Pod fits on no node", "pod", klog.KObj(a.pod), "reason", message)
	}
	if nominating.Mode() == framework.ModeOverride || a.pod.Status.NominatedNodeName != "" {
		s.nominator.AddNominatedPod(logger, a.queued.Info, nominating)
	}
	pod := s.queue.Return(ctx, a.queued)
	if pod == nil || ctx.Err() != nil {
		s.nominator.DeleteNominatedPodIfExists(a.pod)
		return
	}
	if nominating.Mode() != framework.ModeOverride {
		// The prospect that it got while it was assumed counts from now on.
		if err := s.nominator.Observe(logger, pod, pod); err != nil {
			logger.Error(err, "Nominated pod is not counted as it should be", "pod", klog.KObj(pod))
		}
	}
	s.recorders[pod.Spec.SchedulerName].Eventf(pod, nil, v1.EventTypeWarning, "FailedScheduling", "Scheduling", "%s", shortened(message))
	condition := v1.PodCondition{
		Type: v1.PodScheduled, Status: v1.ConditionFalse, Reason: reason, Message: message, ObservedGeneration: pod.Generation,
	}
	patch, err := statusPatch(pod, condition, nominating)
	if err != nil {
		logger.Error(err, "Could not make patch of pod status", "pod", klog.KObj(pod))
		return
	}
	if patch == nil {
		return
	}
	s.writeStatus(ctx, a, pod, patch)
}

// writeStatus patches a pod's status in one of the binding slots: in the attempt's own if it has one, else in another
// goroutine. The number of slots bounds the writes under way; cycles wait when they are all taken.
func (s *Scheduler) writeStatus(ctx context.Context, a *attempt, pod *v1.Pod, patch []byte) {
	if a.hasSlot {
		s.patchStatus(ctx, pod, patch)
		return
	}
	select {
	case s.bindings <- struct{}{}:
	case <-ctx.Done():
		return
	}
	s.workers.Go(func() {
		defer s.freeSlot()
		s.patchStatus(ctx, pod, patch)
	})
}

func shortened(message string) string {
	if len(message) <= maxMessage {
		return message
	}
	const dots = " ..."
	return message[:maxMessage-len(dots)] + dots
}

// statusPatch is the strategic merge patch that gives a pod a condition and a nominated node; nil if it has them.
func statusPatch(pod *v1.Pod, condition v1.PodCondition, nominating *framework.NominatingInfo) ([]byte, error) {
	status := map[string]any{}
	if c := changedCondition(pod, condition); c != nil {
		status["conditions"] = []v1.PodCondition{*c}
	}
	if nominating.Mode() == framework.ModeOverride && pod.Status.NominatedNodeName != nominating.NominatedNodeName {
		var name any
		if nominating.NominatedNodeName != "" {
			name = nominating.NominatedNodeName
		}
		status["nominatedNodeName"] = name
	}
	if len(status) == 0 {
		return nil, nil
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"uid": pod.UID}, "status": status})
	if err != nil {
		return nil, fmt.Errorf("encode status patch: %w", err)
	}
	return patch, nil
}

// changedCondition is the condition to write; nil if the pod has it. The time of transition is kept unless the status
// changes.
func changedCondition(pod *v1.Pod, condition v1.PodCondition) *v1.PodCondition {
	condition.LastTransitionTime = metav1.Now()
	for _, old := range pod.Status.Conditions {
		if old.Type != condition.Type {
			continue
		}
		if old.Status == condition.Status {
			condition.LastTransitionTime = old.LastTransitionTime
		}
		if old.Status == condition.Status && old.Reason == condition.Reason && old.Message == condition.Message &&
			old.ObservedGeneration == condition.ObservedGeneration {
			return nil
		}
	}
	return &condition
}

func (s *Scheduler) patchStatus(ctx context.Context, pod *v1.Pod, patch []byte) {
	_, err := s.client.CoreV1().Pods(pod.Namespace).Patch(ctx, pod.Name, types.StrategicMergePatchType, patch, metav1.PatchOptions{}, "status")
	// A conflict is about the UID: the pod was made anew under its name.
	if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) && ctx.Err() == nil {
		klog.FromContext(ctx).Error(err, "Could not write pod status", "pod", klog.KObj(pod))
	}
}

// gatedPod is a pod whose condition is to say why it is not tried.
type gatedPod struct {
	pod     *v1.Pod
	message string
}

// noteGated asks for a gated pod's condition to be written. API servers set it when the pod is made; this is for those
// that do not. When more pods wait for it than there is room for, theirs is left out: the next change brings it.
func (s *Scheduler) noteGated(pod *v1.Pod, status *framework.Status) {
	for _, c := range pod.Status.Conditions {
		if c.Type == v1.PodScheduled && c.Reason == v1.PodReasonSchedulingGated {
			return
		}
	}
	select {
	case s.gated <- gatedPod{pod: pod, message: status.Message()}:
	default:
	}
}

// reportGated writes the conditions of gated pods until ctx ends.
func (s *Scheduler) reportGated(ctx context.Context) {
	for {
		select {
		case g := <-s.gated:
			condition := v1.PodCondition{
				Type: v1.PodScheduled, Status: v1.ConditionFalse, Reason: v1.PodReasonSchedulingGated,
				Message: g.message, ObservedGeneration: g.pod.Generation,
			}
			patch, err := statusPatch(g.pod, condition, nil)
			if err != nil {
				klog.FromContext(ctx).Error(err, "Could not make patch of pod status", "pod", klog.KObj(g.pod))
			} else if patch != nil {
				s.patchStatus(ctx, g.pod, patch)
			}
		case <-ctx.Done():
			return
		}
	}
}
