package admission

import (
	"context"
	"fmt"
	"maps"

	corev1 "k8s.io/api/core/v1"
	nodev1 "k8s.io/api/node/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/client-go/kubernetes"
	nodelisters "k8s.io/client-go/listers/node/v1"
)

// runtimeClass gives pods the overhead and the nodes of their runtime class.
func runtimeClass() Plugin {
	return Plugin{Name: "RuntimeClass", On: []admission.Operation{admission.Create}, Does: mutates | validates, New: func(in Inputs) (Rules, error) {
		classes := in.Informers.Node().V1().RuntimeClasses()
		p := &runtimeClasses{in.gate, in.Client, classes.Lister()}
		return Rules{Needs: synced{classes.Informer()}, Admit: p.admit, Validate: p.validate}, nil
	}}
}

// runtimeClasses gives pods what their class demands.
type runtimeClasses struct {
	gate
	client  kubernetes.Interface
	classes nodelisters.RuntimeClassLister
}

// admit completes a pod that names a class.
func (p *runtimeClasses) admit(ctx context.Context, a admission.Attributes) error {
	pod, class, err := p.look(ctx, a)
	if err != nil || class == nil {
		return err
	}
	if err := setOverhead(pod, class); err != nil {
		return admission.NewForbidden(a, err)
	}
	if err := setScheduling(pod, class); err != nil {
		return admission.NewForbidden(a, err)
	}
	return nil
}

// validate refuses an overhead that is not the class's.
func (p *runtimeClasses) validate(ctx context.Context, a admission.Attributes) error {
	pod, class, err := p.look(ctx, a)
	if err != nil || pod == nil {
		return err
	}
	if class != nil && class.Overhead != nil {
		if !apiequality.Semantic.DeepEqual(class.Overhead.PodFixed, pod.Spec.Overhead) {
			return admission.NewForbidden(a, fmt.Errorf("pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead"))
		}
		return nil
	}
	if len(pod.Spec.Overhead) > 0 {
		return admission.NewForbidden(a, fmt.Errorf("pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead"))
	}
	return nil
}

// look returns the pod, if one is created, and its class, if it names one.
func (p *runtimeClasses) look(ctx context.Context, a admission.Attributes) (*corev1.Pod, *nodev1.RuntimeClass, error) {
	if a.GetResource().GroupResource() != corev1.Resource("pods") || a.GetSubresource() != "" {
		return nil, nil, nil
	}
	pod, ok := a.GetObject().(*corev1.Pod)
	if !ok {
		return nil, nil, apierrors.NewBadRequest(fmt.Sprintf("expected a Pod, got a %T", a.GetObject()))
	}
	if pod.Spec.RuntimeClassName == nil {
		return pod, nil, nil
	}
	if err := p.ready(a); err != nil {
		return nil, nil, err
	}
	name := *pod.Spec.RuntimeClassName
	class, err := p.classes.Get(name)
	if apierrors.IsNotFound(err) {
		// It may have been made a moment ago.
		class, err = p.client.NodeV1().RuntimeClasses().Get(ctx, name, metav1.GetOptions{})
	}
	if apierrors.IsNotFound(err) {
		return nil, nil, admission.NewForbidden(a, fmt.Errorf("pod rejected: RuntimeClass %q not found", name))
	}
	if err != nil {
		return nil, nil, fmt.Errorf("look up runtime class %q: %w", name, err)
	}
	return pod, class, nil
}

func setOverhead(pod *corev1.Pod, class *nodev1.RuntimeClass) error {
	if class.Overhead == nil {
		return nil
	}
	if len(pod.Spec.Overhead) > 0 && !apiequality.Semantic.DeepEqual(class.Overhead.PodFixed, pod.Spec.Overhead) {
		return fmt.Errorf("pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead")
	}
	pod.Spec.Overhead = class.Overhead.PodFixed.DeepCopy()
	return nil
}

// setScheduling narrows the pod to the nodes that have the class.
func setScheduling(pod *corev1.Pod, class *nodev1.RuntimeClass) error {
	if class.Scheduling == nil {
		return nil
	}
	for key, value := range class.Scheduling.NodeSelector {
		if own, ok := pod.Spec.NodeSelector[key]; ok && own != value {
			return fmt.Errorf("conflict: runtimeClass.scheduling.nodeSelector[%s] = %s; pod.spec.nodeSelector[%s] = %s", key, value, key, own)
		}
	}
	if len(class.Scheduling.NodeSelector) > 0 {
		if pod.Spec.NodeSelector == nil {
			pod.Spec.NodeSelector = map[string]string{}
		}
		maps.Copy(pod.Spec.NodeSelector, class.Scheduling.NodeSelector)
	}
	for _, t := range class.Scheduling.Tolerations {
		if !hasToleration(pod.Spec.Tolerations, t) {
			pod.Spec.Tolerations = append(pod.Spec.Tolerations, *t.DeepCopy())
		}
	}
	return nil
}

func hasToleration(all []corev1.Toleration, t corev1.Toleration) bool {
	for i := range all {
		if apiequality.Semantic.DeepEqual(all[i], t) {
			return true
		}
	}
	return false
}
