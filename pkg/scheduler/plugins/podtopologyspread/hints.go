package podtopologyspread

import (
	"context"
	"fmt"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"
	"k8s.io/klog/v2"
	"k8s.io/kube-scheduler/framework"
)

// EventsToRegister are pods that come, go or change labels, and nodes that come, go, or change domains or taints.
func (p *Plugin) EventsToRegister(context.Context) ([]framework.ClusterEventWithHint, error) {
	return []framework.ClusterEventWithHint{
		{
			Event:          framework.ClusterEvent{Resource: framework.Pod, ActionType: framework.Add | framework.Delete | framework.UpdatePodLabel},
			QueueingHintFn: p.afterPodChange,
		},
		{
			Event: framework.ClusterEvent{Resource: framework.Node,
				ActionType: framework.Add | framework.Delete | framework.UpdateNodeLabel | framework.UpdateNodeTaint},
			QueueingHintFn: p.afterNodeChange,
		},
	}, nil
}

// afterPodChange helps if it changes whether some pod counts.
func (p *Plugin) afterPodChange(_ klog.Logger, pod *v1.Pod, oldObj, newObj any) (framework.QueueingHint, error) {
	before, _ := oldObj.(*v1.Pod)
	after, _ := newObj.(*v1.Pod)
	changed := after
	if changed == nil {
		changed = before
	}
	if changed == nil {
		return framework.Queue, fmt.Errorf("want pods, got %T and %T", oldObj, newObj)
	}
	if changed.Namespace != pod.Namespace {
		return framework.QueueSkip, nil
	}
	if changed.UID == pod.UID {
		return framework.Queue, nil
	}
	constraints, _, err := p.constraintsOf(pod, v1.DoNotSchedule)
	if err != nil {
		return framework.Queue, err
	}
	for i := range constraints {
		counted := before != nil && constraints[i].selector.Matches(labels.Set(before.Labels))
		counts := after != nil && constraints[i].selector.Matches(labels.Set(after.Labels))
		if counted != counts {
			return framework.Queue, nil
		}
	}
	return framework.QueueSkip, nil
}

// afterNodeChange helps if the node comes into, leaves, or changes a domain, or its taints may change whether it counts.
func (p *Plugin) afterNodeChange(_ klog.Logger, pod *v1.Pod, oldObj, newObj any) (framework.QueueingHint, error) {
	before, _ := oldObj.(*v1.Node)
	after, _ := newObj.(*v1.Node)
	if before == nil && after == nil {
		return framework.Queue, fmt.Errorf("want nodes, got %T and %T", oldObj, newObj)
	}
	constraints, _, err := p.constraintsOf(pod, v1.DoNotSchedule)
	if err != nil {
		return framework.Queue, err
	}
	was := before != nil && hasKeys(before.Labels, constraints)
	is := after != nil && hasKeys(after.Labels, constraints)
	if was != is {
		return framework.Queue, nil
	}
	if !is {
		return framework.QueueSkip, nil
	}
	affinity := nodeaffinity.GetRequiredNodeAffinity(pod)
	for i := range constraints {
		if constraints[i].honorAffinity {
			// A term that cannot be parsed matches neither.
			matched, _ := affinity.Match(before)
			if matches, _ := affinity.Match(after); matched != matches {
				return framework.Queue, nil
			}
		}
		if constraints[i].honorTaints || before.Labels[constraints[i].key] != after.Labels[constraints[i].key] {
			return framework.Queue, nil
		}
	}
	return framework.QueueSkip, nil
}
