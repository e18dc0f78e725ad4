package admission

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/client-go/kubernetes"
	schedulinglisters "k8s.io/client-go/listers/scheduling/v1"
)

// priority gives pods the priority of their class, and allows one default class.
func priority() Plugin {
	return Plugin{Name: "Priority", On: []admission.Operation{admission.Create, admission.Update}, Does: mutates | validates, New: func(in Inputs) (Rules, error) {
		classes := in.Informers.Scheduling().V1().PriorityClasses()
		p := &priorities{in.gate, in.Client, classes.Lister()}
		return Rules{Needs: synced{classes.Informer()}, Admit: p.admit, Validate: p.validate}, nil
	}}
}

// priorities gives pods their priority.
type priorities struct {
	gate
	client  kubernetes.Interface
	classes schedulinglisters.PriorityClassLister
}

// admit resolves the priority of a pod that is created and keeps that of one that is updated.
func (p *priorities) admit(ctx context.Context, a admission.Attributes) error {
	if a.GetResource().GroupResource() != corev1.Resource("pods") || a.GetSubresource() != "" {
		return nil
	}
	if err := p.ready(a); err != nil {
		return err
	}
	pod, ok := a.GetObject().(*corev1.Pod)
	if !ok {
		return apierrors.NewBadRequest(fmt.Sprintf("expected a Pod, got a %T", a.GetObject()))
	}
	if a.GetOperation() == admission.Update {
		if old, ok := a.GetOldObject().(*corev1.Pod); ok && pod.Spec.Priority == nil {
			pod.Spec.Priority, pod.Spec.PreemptionPolicy = old.Spec.Priority, old.Spec.PreemptionPolicy
		}
		return nil
	}
	return p.resolve(ctx, a, pod)
}

func (p *priorities) resolve(ctx context.Context, a admission.Attributes, pod *corev1.Pod) error {
	class, err := p.classOf(ctx, pod)
	if apierrors.IsNotFound(err) {
		return admission.NewForbidden(a, fmt.Errorf("no PriorityClass with name %v was found", pod.Spec.PriorityClassName))
	}
	if err != nil {
		return fmt.Errorf("look up priority class %q: %w", pod.Spec.PriorityClassName, err)
	}
	priority, policy := int32(0), corev1.PreemptLowerPriority
	if class != nil {
		pod.Spec.PriorityClassName, priority = class.Name, class.Value
		if class.PreemptionPolicy != nil {
			policy = *class.PreemptionPolicy
		}
	}
	if pod.Spec.Priority != nil && *pod.Spec.Priority != priority {
		return admission.NewForbidden(a, fmt.Errorf("the integer value of priority (%d) must not be provided in pod spec; priority admission controller computed %d from the given PriorityClass name", *pod.Spec.Priority, priority))
	}
	if pod.Spec.PreemptionPolicy != nil && *pod.Spec.PreemptionPolicy != policy {
		return admission.NewForbidden(a, fmt.Errorf("the string value of PreemptionPolicy (%s) must not be provided in pod spec; priority admission controller computed %s from the given PriorityClass name", *pod.Spec.PreemptionPolicy, policy))
	}
	pod.Spec.Priority, pod.Spec.PreemptionPolicy = &priority, &policy
	return nil
}

// classOf returns the class that the pod names, or the default one, or nil.
func (p *priorities) classOf(ctx context.Context, pod *corev1.Pod) (*schedulingv1.PriorityClass, error) {
	if name := pod.Spec.PriorityClassName; name != "" {
		class, err := p.classes.Get(name)
		if apierrors.IsNotFound(err) {
			return p.client.SchedulingV1().PriorityClasses().Get(ctx, name, metav1.GetOptions{})
		}
		return class, err
	}
	return p.defaultClass()
}

// defaultClass is the one marked as such; of several, which older servers allowed, the lowest.
func (p *priorities) defaultClass() (*schedulingv1.PriorityClass, error) {
	all, err := p.classes.List(labels.Everything())
	if err != nil {
		return nil, err
	}
	var found *schedulingv1.PriorityClass
	for _, c := range all {
		if c.GlobalDefault && (found == nil || c.Value < found.Value) {
			found = c
		}
	}
	return found, nil
}

// validate refuses a second default class.
func (p *priorities) validate(_ context.Context, a admission.Attributes) error {
	if a.GetResource().GroupResource() != schedulingv1.Resource("priorityclasses") || a.GetSubresource() != "" {
		return nil
	}
	class, ok := a.GetObject().(*schedulingv1.PriorityClass)
	if !ok {
		return apierrors.NewBadRequest(fmt.Sprintf("expected a PriorityClass, got a %T", a.GetObject()))
	}
	if !class.GlobalDefault {
		return nil
	}
	existing, err := p.defaultClass()
	if err != nil {
		return fmt.Errorf("look up default priority class: %w", err)
	}
	if existing != nil && existing.Name != class.Name {
		return admission.NewForbidden(a, fmt.Errorf("PriorityClass %v is already marked as default. Only one default can exist", existing.Name))
	}
	return nil
}
