package interpodaffinity

import (
	"context"
	"fmt"

	v1 "k8s.io/api/core/v1"
	"k8s.io/klog/v2"
	"k8s.io/kube-scheduler/framework"

	"github.com/proa-sh/proa/pkg/scheduler/cache"
)

// EventsToRegister are pods that come, go or change labels, and nodes that come or change labels.
func (p *Plugin) EventsToRegister(context.Context) ([]framework.ClusterEventWithHint, error) {
	return []framework.ClusterEventWithHint{
		{
			Event:          framework.ClusterEvent{Resource: framework.Pod, ActionType: framework.Add | framework.Delete | framework.UpdatePodLabel},
			QueueingHintFn: p.afterPodChange,
		},
		{
			Event:          framework.ClusterEvent{Resource: framework.Node, ActionType: framework.Add | framework.UpdateNodeLabel},
			QueueingHintFn: p.afterNodeChange,
		},
	}, nil
}

// afterPodChange helps if a pod that was sought comes, or one that was in the way goes.
func (p *Plugin) afterPodChange(_ klog.Logger, pod *v1.Pod, oldObj, newObj any) (framework.QueueingHint, error) {
	before, _ := oldObj.(*v1.Pod)
	after, _ := newObj.(*v1.Pod)
	if before == nil && after == nil {
		return framework.Queue, fmt.Errorf("want pods, got %T and %T", oldObj, newObj)
	}
	if after != nil && after.UID == pod.UID {
		return framework.Queue, nil
	}
	q, err := p.ask(pod)
	if err != nil {
		return framework.Queue, err
	}
	if after != nil && matchesAll(q.affinity, after) && (before == nil || !matchesAll(q.affinity, before)) {
		return framework.Queue, nil
	}
	if before == nil {
		return framework.QueueSkip, nil
	}
	// When the last pod of a group is gone, the first of a new one may go anywhere.
	if after == nil && matchesAll(q.affinity, before) {
		return framework.Queue, nil
	}
	wasInTheWay, err := inTheWay(q, before)
	if err != nil || !wasInTheWay {
		return framework.QueueSkip, err
	}
	if after != nil {
		if is, err := inTheWay(q, after); err != nil || is {
			return framework.QueueSkip, err
		}
	}
	return framework.Queue, nil
}

// inTheWay tells whether anti-affinity keeps a pod and the question's apart.
func inTheWay(q *question, other *v1.Pod) (bool, error) {
	for i := range q.antiAffinity {
		if q.antiAffinity[i].Matches(other, nil) {
			return true, nil
		}
	}
	info, err := cache.NewPodInfo(other)
	if err != nil {
		return false, err
	}
	terms := info.GetRequiredAntiAffinityTerms()
	for i := range terms {
		if terms[i].Matches(q.pod, q.namespaceLabels) {
			return true, nil
		}
	}
	return false, nil
}

// afterNodeChange helps if the node is in a domain that it was not in before, by any label that a term asks for. With
// anti-affinity, leaving a domain helps too.
func (p *Plugin) afterNodeChange(_ klog.Logger, pod *v1.Pod, oldObj, newObj any) (framework.QueueingHint, error) {
	node, ok := newObj.(*v1.Node)
	if !ok {
		return framework.Queue, fmt.Errorf("want a node, got %T", newObj)
	}
	before, existed := oldObj.(*v1.Node)
	q, err := p.ask(pod)
	if err != nil {
		return framework.Queue, err
	}
	for i := range q.affinity {
		if _, has := node.Labels[q.affinity[i].TopologyKey]; !has {
			return framework.QueueSkip, nil
		}
	}
	if !existed || len(q.affinity)+len(q.antiAffinity) == 0 {
		return framework.Queue, nil
	}
	for _, terms := range [][]framework.AffinityTerm{q.affinity, q.antiAffinity} {
		for i := range terms {
			if before.Labels[terms[i].TopologyKey] != node.Labels[terms[i].TopologyKey] {
				return framework.Queue, nil
			}
		}
	}
	return framework.QueueSkip, nil
}
