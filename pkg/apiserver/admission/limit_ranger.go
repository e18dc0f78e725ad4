package admission

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/cache"
	utilerrors "k8s.io/apimachinery/pkg/util/errors"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
)

// Namespaces without LimitRanges are asked about from storage once in a while, since the informer may not know of a new
// one yet.
const (
	lookAgain     = 30 * time.Second
	maxNamespaces = 10000
)

// limitRanger fills in the requests and limits that a container leaves out from the namespace's LimitRanges, and refuses pods
// and claims outside of their bounds. limit_ranger_defaults.go decides what a pod gets, limit_ranger_bounds.go what is refused;
// both are pure.
func limitRanger() Plugin {
	return Plugin{Name: "LimitRanger", On: []admission.Operation{admission.Create, admission.Update}, Does: mutates | validates, New: func(in Inputs) (Rules, error) {
		limits := in.Informers.Core().V1().LimitRanges()
		p := &limitRanges{in.gate, in.Client, limits.Lister(), cache.NewLRUExpireCache(maxNamespaces)}
		return Rules{Needs: synced{limits.Informer()}, Admit: p.admit, Validate: p.validate}, nil
	}}
}

// limitRanges applies LimitRanges.
type limitRanges struct {
	gate
	client kubernetes.Interface
	limits corelisters.LimitRangeLister
	asked  *cache.LRUExpireCache // namespace: its LimitRanges when storage was asked
}

// admit fills in a new pod's requests and limits. Those of a pod that exists cannot be changed this way.
func (p *limitRanges) admit(ctx context.Context, a admission.Attributes) error {
	if a.GetResource().GroupResource() != corev1.Resource("pods") || a.GetSubresource() != "" || a.GetOperation() != admission.Create {
		return nil
	}
	pod, ok := a.GetObject().(*corev1.Pod)
	if !ok {
		return apierrors.NewBadRequest(fmt.Sprintf("expected a Pod, got a %T", a.GetObject()))
	}
	all, err := p.limitsOf(ctx, a)
	if err != nil {
		return err
	}
	for _, l := range all {
		setDefaults(pod, l)
	}
	return nil
}

// validate refuses what is out of bounds: new pods, resized ones, and claims.
func (p *limitRanges) validate(ctx context.Context, a admission.Attributes) error {
	var check func(*corev1.LimitRange) []error
	switch o := a.GetObject().(type) {
	case *corev1.Pod:
		created := a.GetOperation() == admission.Create && a.GetSubresource() == ""
		if resized := a.GetOperation() == admission.Update && a.GetSubresource() == "resize"; !created && !resized {
			return nil
		}
		check = func(l *corev1.LimitRange) []error { return podFaults(o, l) }
	case *corev1.PersistentVolumeClaim:
		if a.GetSubresource() != "" {
			return nil
		}
		check = func(l *corev1.LimitRange) []error { return claimFaults(o, l) }
	default:
		return nil
	}
	all, err := p.limitsOf(ctx, a)
	if err != nil {
		return err
	}
	for _, l := range all {
		if faults := check(l); len(faults) > 0 {
			return admission.NewForbidden(a, utilerrors.NewAggregate(faults))
		}
	}
	return nil
}

func (p *limitRanges) limitsOf(ctx context.Context, a admission.Attributes) ([]*corev1.LimitRange, error) {
	if err := p.ready(a); err != nil {
		return nil, err
	}
	all, err := p.limits.LimitRanges(a.GetNamespace()).List(labels.Everything())
	if err != nil {
		return nil, admission.NewForbidden(a, fmt.Errorf("unable to %s %v at this time because there was an error enforcing limit ranges: %w", a.GetOperation(), a.GetResource(), err))
	}
	if len(all) > 0 {
		return all, nil
	}
	if known, ok := p.asked.Get(a.GetNamespace()); ok {
		return known.([]*corev1.LimitRange), nil
	}
	list, err := p.client.CoreV1().LimitRanges(a.GetNamespace()).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, admission.NewForbidden(a, fmt.Errorf("look up limit ranges: %w", err))
	}
	for i := range list.Items {
		all = append(all, &list.Items[i])
	}
	p.asked.Add(a.GetNamespace(), all, lookAgain)
	return all, nil
}
