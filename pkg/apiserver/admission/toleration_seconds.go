package admission

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apiserver/pkg/admission"
)

// tolerationSeconds lets pods that say nothing of nodes that are not ready or cannot be reached tolerate them for a while.
func tolerationSeconds() Plugin {
	return Plugin{Name: "DefaultTolerationSeconds", On: []admission.Operation{admission.Create, admission.Update}, Does: mutates, New: func(in Inputs) (Rules, error) {
		return Rules{Admit: in.Settings.addTolerations}, nil
	}}
}

// addTolerations adds those that a pod lacks.
func (s Settings) addTolerations(_ context.Context, a admission.Attributes) error {
	if a.GetResource().GroupResource() != corev1.Resource("pods") || a.GetSubresource() != "" {
		return nil
	}
	pod, ok := a.GetObject().(*corev1.Pod)
	if !ok {
		return apierrors.NewBadRequest(fmt.Sprintf("expected a Pod, got a %T", a.GetObject()))
	}
	for _, taint := range []struct {
		key     string
		seconds int64
	}{
		{corev1.TaintNodeNotReady, s.NotReadySeconds}, {corev1.TaintNodeUnreachable, s.UnreachableSeconds},
	} {
		if !tolerates(pod, taint.key) {
			pod.Spec.Tolerations = append(pod.Spec.Tolerations, corev1.Toleration{
				Key: taint.key, Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute, TolerationSeconds: &taint.seconds})
		}
	}
	return nil
}

func tolerates(pod *corev1.Pod, key string) bool {
	for _, t := range pod.Spec.Tolerations {
		if (t.Key == key || t.Key == "") && (t.Effect == corev1.TaintEffectNoExecute || t.Effect == "") {
			return true
		}
	}
	return false
}
