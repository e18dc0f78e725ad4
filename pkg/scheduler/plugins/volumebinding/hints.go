package volumebinding

import (
	"context"
	"fmt"

	v1 "k8s.io/api/core/v1"
	"k8s.io/klog/v2"
	"k8s.io/kube-scheduler/framework"
)

// EventsToRegister are claims, volumes and classes that come or change, and nodes that come or change labels.
func (p *Plugin) EventsToRegister(context.Context) ([]framework.ClusterEventWithHint, error) {
	const comes = framework.Add | framework.Update
	return []framework.ClusterEventWithHint{
		{Event: framework.ClusterEvent{Resource: framework.PersistentVolumeClaim, ActionType: comes}, QueueingHintFn: p.afterClaimChange},
		{Event: framework.ClusterEvent{Resource: framework.PersistentVolume, ActionType: comes}, QueueingHintFn: p.afterVolumeChange},
		{Event: framework.ClusterEvent{Resource: framework.StorageClass, ActionType: comes}},
		// A taint may have kept a node that comes from being looked at.
		{Event: framework.ClusterEvent{Resource: framework.Node, ActionType: framework.Add | framework.UpdateNodeLabel | framework.UpdateNodeTaint}},
	}, nil
}

// afterClaimChange helps if the claim is the pod's.
func (p *Plugin) afterClaimChange(_ klog.Logger, pod *v1.Pod, _, newObj any) (framework.QueueingHint, error) {
	claim, ok := newObj.(*v1.PersistentVolumeClaim)
	if !ok {
		return framework.Queue, fmt.Errorf("want a claim, got %T", newObj)
	}
	if uses(pod, claim) {
		return framework.Queue, nil
	}
	return framework.QueueSkip, nil
}

// afterVolumeChange helps if the volume is, or can be, bound to a claim of the pod.
func (p *Plugin) afterVolumeChange(_ klog.Logger, pod *v1.Pod, _, newObj any) (framework.QueueingHint, error) {
	pv, ok := newObj.(*v1.PersistentVolume)
	if !ok {
		return framework.Queue, fmt.Errorf("want a volume, got %T", newObj)
	}
	if ref := pv.Spec.ClaimRef; ref != nil && ref.Namespace != pod.Namespace {
		return framework.QueueSkip, nil
	}
	for i := range pod.Spec.Volumes {
		name := claimName(pod, &pod.Spec.Volumes[i])
		if name == "" {
			continue
		}
		if pv.Spec.ClaimRef == nil || pv.Spec.ClaimRef.Name == name {
			return framework.Queue, nil
		}
	}
	return framework.QueueSkip, nil
}
