package admission

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apiserver/pkg/admission"
)

func TestTaintNodes(t *testing.T) {
	notReady := corev1.Taint{Key: corev1.TaintNodeNotReady, Effect: corev1.TaintEffectNoSchedule}
	mine := corev1.Taint{Key: "mine", Effect: corev1.TaintEffectNoExecute}
	for _, c := range []struct {
		name        string
		subresource string
		has, want   []corev1.Taint
	}{
		{"new node", "", nil, []corev1.Taint{notReady}},
		{"with a taint", "", []corev1.Taint{mine}, []corev1.Taint{mine, notReady}},
		{"with this taint", "", []corev1.Taint{notReady}, []corev1.Taint{notReady}},
		{"subresource", "status", nil, nil},
	} {
		node := &corev1.Node{Spec: corev1.NodeSpec{Taints: c.has}}
		a := admission.NewAttributesRecord(node, nil, corev1.SchemeGroupVersion.WithKind("Node"), "", "n", corev1.SchemeGroupVersion.WithResource("nodes"), c.subresource, admission.Create, nil, false, nil)
		if err := build(t, taintNodes(), Inputs{}).Admit(t.Context(), a); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if diff := cmp.Diff(c.want, node.Spec.Taints); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}
