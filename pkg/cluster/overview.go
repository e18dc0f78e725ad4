package cluster

import (
	"errors"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/proa-sh/proa/pkg/cluster/control"
	"github.com/proa-sh/proa/pkg/nodes"
	"github.com/proa-sh/proa/pkg/pods"
)

// overview fills in nodes and pods as the informers have them. Of nodes that should be there and are not it says so.
func (p *parts) overview(status *control.Status) {
	lister := p.informers.Core().V1().Nodes().Lister()
	wanted := []string{p.env.Config.NodeName}
	off := map[string]bool{}
	for _, m := range p.fleet.all() {
		wanted = append(wanted, m.record.Name)
		off[m.record.Name] = !m.isOn()
	}
	known := map[string]control.Node{}
	list, err := lister.List(labels.Everything())
	for _, node := range list {
		known[node.Name] = stateOf(node)
		if !slices.Contains(wanted, node.Name) {
			wanted = append(wanted, node.Name)
		}
	}
	for _, name := range wanted {
		state, found := known[name]
		if !found {
			state = control.Node{Name: name, Fault: "the API does not know it"}
		}
		if off[name] { // which the API learns later
			state.Fault = "it is off"
		}
		status.Nodes = append(status.Nodes, state)
	}
	all, podErr := p.informers.Core().V1().Pods().Lister().List(labels.Everything())
	if err := errors.Join(err, podErr); err != nil { // of a cache; there is none
		status.Nodes = append(status.Nodes, control.Node{Fault: err.Error()})
	}
	status.Pods = count(all)
}

// stateOf says whether the node is ready, and if not why.
func stateOf(node *corev1.Node) control.Node {
	state := control.Node{Name: node.Name, PodCIDR: node.Spec.PodCIDR}
	for _, a := range node.Status.Addresses {
		if a.Type == corev1.NodeInternalIP {
			state.Address = a.Address
			break
		}
	}
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
