package noderesourcesfit

import (
	"context"
	"fmt"

	v1 "k8s.io/api/core/v1"
	"k8s.io/klog/v2"
	"k8s.io/kube-scheduler/framework"

	"github.com/proa-sh/proa/pkg/scheduler/cache"
)

// EventsToRegister are a pod that goes or shrinks, and a node that comes or grows.
func (p *Plugin) EventsToRegister(context.Context) ([]framework.ClusterEventWithHint, error) {
	return []framework.ClusterEventWithHint{
		{
			Event:          framework.ClusterEvent{Resource: framework.Pod, ActionType: framework.Delete | framework.UpdatePodScaleDown},
			QueueingHintFn: p.afterPodChange,
		},
		{
			Event:          framework.ClusterEvent{Resource: framework.Node, ActionType: framework.Add | framework.UpdateNodeAllocatable},
			QueueingHintFn: p.afterNodeChange,
		},
	}, nil
}

// afterPodChange helps if the pod itself shrinks, or if another frees something.
func (p *Plugin) afterPodChange(_ klog.Logger, pod *v1.Pod, oldObj, newObj any) (framework.QueueingHint, error) {
	before, ok := oldObj.(*v1.Pod)
	if !ok {
		return framework.Queue, fmt.Errorf("want a pod, got %T", oldObj)
	}
	if newObj == nil {
		if before.Spec.NodeName == "" && before.Status.NominatedNodeName == "" {
			return framework.QueueSkip, nil
		}
		return framework.Queue, nil
	}
	after, ok := newObj.(*v1.Pod)
	if !ok {
		return framework.Queue, fmt.Errorf("want a pod, got %T", newObj)
	}
	if after.UID == pod.UID {
		return framework.Queue, nil
	}
	if after.Spec.NodeName == "" {
		return framework.QueueSkip, nil
	}
	freed, left := cache.NewResource(cache.Requests(before)), cache.NewResource(cache.Requests(after))
	return p.hint(pod, &left, &freed), nil
}

// afterNodeChange helps if the pod would fit on the node if it were empty, and the node offers more than it did.
func (p *Plugin) afterNodeChange(_ klog.Logger, pod *v1.Pod, oldObj, newObj any) (framework.QueueingHint, error) {
	node, ok := newObj.(*v1.Node)
	if !ok {
		return framework.Queue, fmt.Errorf("want a node, got %T", newObj)
	}
	empty := &cache.NodeInfo{}
	empty.SetNode(node)
	r := cache.NewResource(cache.Requests(pod))
	if scalars, _ := p.missingScalars(&r, empty); missing(&r, empty) != 0 || len(scalars) > 0 {
		return framework.QueueSkip, nil
	}
	before, ok := oldObj.(*v1.Node)
	if !ok {
		return framework.Queue, nil
	}
	was, is := cache.NewResource(before.Status.Allocatable), cache.NewResource(node.Status.Allocatable)
	return p.hint(pod, &was, &is), nil
}

// hint is to try the pod again if anything that it requests is more than it was. Every pod takes a pod's place.
func (p *Plugin) hint(pod *v1.Pod, was, is *cache.Resource) framework.QueueingHint {
	r := cache.NewResource(cache.Requests(pod))
	if is.AllowedPodNumber > was.AllowedPodNumber ||
		r.MilliCPU > 0 && is.MilliCPU > was.MilliCPU ||
		r.Memory > 0 && is.Memory > was.Memory ||
		r.EphemeralStorage > 0 && is.EphemeralStorage > was.EphemeralStorage {
		return framework.Queue
	}
	for name, amount := range r.ScalarResources {
		if amount > 0 && is.ScalarResources[name] > was.ScalarResources[name] {
			return framework.Queue
		}
	}
	return framework.QueueSkip
}
