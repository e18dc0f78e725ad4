package defaultpreemption

import (
	"context"
	"encoding/json"
	"fmt"

	"golang.org/x/sync/errgroup"
	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/component-helpers/scheduling/corev1"
	"k8s.io/klog/v2"
	"k8s.io/kube-scheduler/framework"
)

// maxEvictions bounds how many pods are evicted at a time.
const maxEvictions = 16

// evict makes the victims go. Pods of lower priority that were nominated for the node may not fit there any more: they
// lose the nomination.
func (p *Plugin) evict(ctx context.Context, pod *v1.Pod, c candidate) error {
	var group errgroup.Group
	group.SetLimit(maxEvictions)
	for _, victim := range c.victims {
		group.Go(func() error { return p.evictOne(ctx, pod, victim, c.node) })
	}
	for _, nominated := range p.handle.NominatedPodsForNode(c.node) {
		if other := nominated.GetPod(); other.UID != pod.UID && corev1.PodPriority(other) < corev1.PodPriority(pod) {
			p.handle.AddNominatedPod(klog.FromContext(ctx), nominated, &framework.NominatingInfo{NominatingMode: framework.ModeOverride})
			group.Go(func() error { return p.clearNomination(ctx, other) })
		}
	}
	return group.Wait()
}

func (p *Plugin) evictOne(ctx context.Context, pod, victim *v1.Pod, node string) error {
	logger := klog.FromContext(ctx)
	reason := "preempted"
	if waiting := p.handle.GetWaitingPod(victim.UID); waiting != nil && waiting.Preempt(Name, reason) {
		logger.V(2).Info("Preempted a pod that waited to be bound", "pod", klog.KObj(pod), "victim", klog.KObj(victim), "node", node)
	} else if binding := p.handle.GetPodInPreBind(victim.UID); binding != nil && binding.CancelPod(reason) {
		logger.V(2).Info("Preempted a pod that was about to be bound", "pod", klog.KObj(pod), "victim", klog.KObj(victim), "node", node)
	} else if err := p.delete(ctx, pod, victim); err != nil {
		return fmt.Errorf("evict pod %s: %w", klog.KObj(victim), err)
	}
	p.handle.EventRecorder().Eventf(victim, pod, v1.EventTypeNormal, "Preempted", "Preempting", "Preempted by pod %v on node %v", pod.UID, node)
	return nil
}

// delete says in the victim's status why it must go, and deletes it.
func (p *Plugin) delete(ctx context.Context, pod, victim *v1.Pod) error {
	pods := p.handle.ClientSet().CoreV1().Pods(victim.Namespace)
	patch, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"uid": victim.UID},
		"status": map[string]any{"conditions": []v1.PodCondition{{
			Type: v1.DisruptionTarget, Status: v1.ConditionTrue, Reason: v1.PodReasonPreemptionByScheduler,
			Message:            fmt.Sprintf("%s: preempting to accommodate a higher priority pod", pod.Spec.SchedulerName),
			LastTransitionTime: metav1.Now(), ObservedGeneration: victim.Generation,
		}}},
	})
	if err != nil {
		return fmt.Errorf("encode status patch: %w", err)
	}
	if victim.DeletionTimestamp == nil {
		_, err = pods.Patch(ctx, victim.Name, types.StrategicMergePatchType, patch, metav1.PatchOptions{}, "status")
		if err != nil && !apierrors.IsNotFound(err) {
			return fmt.Errorf("write pod status: %w", err)
		}
	}
	options := metav1.DeleteOptions{Preconditions: metav1.NewUIDPreconditions(string(victim.UID))}
	if err := pods.Delete(ctx, victim.Name, options); err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("delete pod: %w", err)
	}
	return nil
}

func (p *Plugin) clearNomination(ctx context.Context, pod *v1.Pod) error {
	if pod.Status.NominatedNodeName == "" {
		return nil
	}
	// The UID keeps another pod, made anew under the name, from losing its own.
	patch, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"uid": pod.UID},
		"status":   map[string]any{"nominatedNodeName": nil},
	})
	if err != nil {
		return fmt.Errorf("encode status patch: %w", err)
	}
	_, err = p.handle.ClientSet().CoreV1().Pods(pod.Namespace).Patch(ctx, pod.Name, types.StrategicMergePatchType, patch, metav1.PatchOptions{}, "status")
	// A conflict is about the UID: the pod is gone.
	if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
		return fmt.Errorf("clear nominated node of pod %s: %w", klog.KObj(pod), err)
	}
	return nil
}
