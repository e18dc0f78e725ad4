package admission

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apiserver/pkg/admission"
)

// taintNodes taints new nodes as not ready, until it is known that they are.
func taintNodes() Plugin {
	return Plugin{Name: "TaintNodesByCondition", On: []admission.Operation{admission.Create}, Does: mutates, New: func(in Inputs) (Rules, error) {
		return Rules{Admit: taintNew}, nil
	}}
}

// taintNew adds the taint to a node that is created.
func taintNew(_ context.Context, a admission.Attributes) error {
	if a.GetResource().GroupResource() != corev1.Resource("nodes") || a.GetSubresource() != "" {
		return nil
	}
	node, ok := a.GetObject().(*corev1.Node)
	if !ok {
		return apierrors.NewBadRequest(fmt.Sprintf("expected a Node, got a %T", a.GetObject()))
	}
	taint := corev1.Taint{Key: corev1.TaintNodeNotReady, Effect: corev1.TaintEffectNoSchedule}
	for _, t := range node.Spec.Taints {
		if t.MatchTaint(&taint) {
			return nil
		}
	}
	node.Spec.Taints = append(node.Spec.Taints, taint)
	return nil
}
