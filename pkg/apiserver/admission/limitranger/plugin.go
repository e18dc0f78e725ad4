package limitranger

import (
	"context"
	"fmt"
	"io"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/cache"
	utilerrors "k8s.io/apimachinery/pkg/util/errors"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/admission/initializer"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
)

// Name of the plugin.
const Name = "LimitRanger"

// Namespaces without LimitRanges are asked about from storage once in a while, since the informer may not know of a new
// one yet.
const (
	lookAgain     = 30 * time.Second
	maxNamespaces = 10000
)

// Plugin applies LimitRanges.
type Plugin struct {
	*admission.Handler
	client kubernetes.Interface
	limits corelisters.LimitRangeLister
	asked  *cache.LRUExpireCache // namespace: its LimitRanges when storage was asked
}

var (
	_ admission.MutationInterface                  = (*Plugin)(nil)
	_ admission.ValidationInterface                = (*Plugin)(nil)
	_ initializer.WantsExternalKubeInformerFactory = (*Plugin)(nil)
	_ initializer.WantsExternalKubeClientSet       = (*Plugin)(nil)
)

// Register adds the plugin to the registry.
func Register(plugins *admission.Plugins) {
	plugins.Register(Name, func(io.Reader) (admission.Interface, error) {
		return &Plugin{Handler: admission.NewHandler(admission.Create, admission.Update), asked: cache.NewLRUExpireCache(maxNamespaces)}, nil
	})
}

// SetExternalKubeInformerFactory gives the plugin its informers.
func (p *Plugin) SetExternalKubeInformerFactory(f informers.SharedInformerFactory) {
	limits := f.Core().V1().LimitRanges()
	p.limits = limits.Lister()
	p.SetReadyFunc(limits.Informer().HasSynced)
}

// SetExternalKubeClientSet gives the plugin its client.
func (p *Plugin) SetExternalKubeClientSet(c kubernetes.Interface) { p.client = c }

// ValidateInitialization checks that everything was given.
func (p *Plugin) ValidateInitialization() error {
	if p.limits == nil || p.client == nil {
		return fmt.Errorf("admission plugin %s needs informers and a client", Name)
	}
	return nil
}

// Admit fills in a new pod's requests and limits. Those of a pod that exists cannot be changed this way.
func (p *Plugin) Admit(ctx context.Context, a admission.Attributes, _ admission.ObjectInterfaces) error {
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

// Validate refuses what is out of bounds: new pods, resized ones, and claims.
func (p *Plugin) Validate(ctx context.Context, a admission.Attributes, _ admission.ObjectInterfaces) error {
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

func (p *Plugin) limitsOf(ctx context.Context, a admission.Attributes) ([]*corev1.LimitRange, error) {
	if !p.WaitForReady() {
		return nil, admission.NewForbidden(a, fmt.Errorf("not yet ready to handle request"))
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
