package cluster

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/proa-sh/proa/pkg/cluster/control"
	"github.com/proa-sh/proa/pkg/nodes"
	"github.com/proa-sh/proa/pkg/pods"
)

// overview fills in nodes and pods as the informers have them.
func (p *parts) overview(_ context.Context, status *control.Status) error {
	node, err := p.informers.Core().V1().Nodes().Lister().Get(p.env.Config.NodeName)
	if err != nil {
		return fmt.Errorf("look for this node: %w", err)
	}
	all, err := p.informers.Core().V1().Pods().Lister().List(labels.Everything())
	if err != nil {
		return fmt.Errorf("list pods: %w", err)
	}
	status.Node, status.Pods = stateOf(node), count(all)
	return nil
}

// stateOf says whether the node is ready, and if not why.
func stateOf(node *corev1.Node) *control.Node {
	state := &control.Node{Name: node.Name}
	if nodes.IsReady(node) {
		return state
	}
	state.Fault = "it has not told how it is"
	if ready := nodes.Condition(node, corev1.NodeReady); ready != nil {
		state.Fault = ready.Reason + ": " + ready.Message
	}
	return state
}

func count(all []*corev1.Pod) *control.Pods {
	counts := &control.Pods{All: len(all)}
	for _, pod := range all {
		switch {
		case pod.Status.Phase == corev1.PodSucceeded:
			counts.Completed++
		case pod.Status.Phase == corev1.PodFailed:
			counts.Failed++
		case pod.DeletionTimestamp != nil:
			counts.Ending++
		case pods.IsReady(pod):
			counts.Ready++
		}
	}
	return counts
}
