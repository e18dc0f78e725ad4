package admission

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/admission"
	corelisters "k8s.io/client-go/listers/core/v1"
)

// podTopology labels pods with the zone and region of their node.
func podTopology() Plugin {
	return Plugin{Name: "PodTopologyLabels", On: []admission.Operation{admission.Create}, Does: mutates, New: func(in Inputs) (Rules, error) {
		nodes := in.Informers.Core().V1().Nodes()
		p := &topology{in.gate, nodes.Lister()}
		return Rules{Needs: synced{nodes.Informer()}, Admit: p.admit}, nil
	}}
}

// topology labels pods with the place of their node.
type topology struct {
	gate
	nodes corelisters.NodeLister
}

// admit labels a binding, which hands its labels on to the pod, or a pod that is created on a node.
func (p *topology) admit(_ context.Context, a admission.Attributes) error {
	var to metav1.Object
	var node string
	switch o := a.GetObject().(type) {
	case *corev1.Pod:
		if a.GetSubresource() != "" {
			return nil
		}
		to, node = o, o.Spec.NodeName
	case *corev1.Binding:
		if o.Target.Kind != "" && o.Target.Kind != "Node" {
			return nil
		}
		to, node = o, o.Target.Name
	}
	if node == "" {
		return nil
	}
	if err := p.ready(a); err != nil {
		return err
	}
	from, err := p.nodes.Get(node)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look up node %q: %w", node, err)
	}
	labelPlace(to, from)
	return nil
}

// labelPlace copies what says where the node is.
func labelPlace(to metav1.Object, node *corev1.Node) {
	all := to.GetLabels()
	for _, key := range []string{corev1.LabelTopologyZone, corev1.LabelTopologyRegion} {
		value, ok := node.Labels[key]
		if !ok {
			continue
		}
		if all == nil {
			all = map[string]string{}
		}
		all[key] = value
	}
	to.SetLabels(all)
}
