package podtopology

import (
	"context"
	"fmt"
	"io"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/admission/initializer"
	"k8s.io/client-go/informers"
	corelisters "k8s.io/client-go/listers/core/v1"
)

// Name of the plugin.
const Name = "PodTopologyLabels"

// Plugin labels pods with the place of their node.
type Plugin struct {
	*admission.Handler
	nodes corelisters.NodeLister
}

var (
	_ admission.MutationInterface                  = (*Plugin)(nil)
	_ initializer.WantsExternalKubeInformerFactory = (*Plugin)(nil)
)

// Register adds the plugin to the registry.
func Register(plugins *admission.Plugins) {
	plugins.Register(Name, func(io.Reader) (admission.Interface, error) {
		return &Plugin{Handler: admission.NewHandler(admission.Create)}, nil
	})
}

// SetExternalKubeInformerFactory gives the plugin its informers.
func (p *Plugin) SetExternalKubeInformerFactory(f informers.SharedInformerFactory) {
	nodes := f.Core().V1().Nodes()
	p.nodes = nodes.Lister()
	p.SetReadyFunc(nodes.Informer().HasSynced)
}

// ValidateInitialization checks that everything was given.
func (p *Plugin) ValidateInitialization() error {
	if p.nodes == nil {
		return fmt.Errorf("admission plugin %s needs informers", Name)
	}
	return nil
}

// Admit labels a binding, which hands its labels on to the pod, or a pod that is created on a node.
func (p *Plugin) Admit(_ context.Context, a admission.Attributes, _ admission.ObjectInterfaces) error {
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
	if !p.WaitForReady() {
		return admission.NewForbidden(a, fmt.Errorf("not yet ready to handle request"))
	}
	from, err := p.nodes.Get(node)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look up node %q: %w", node, err)
	}
	label(to, from)
	return nil
}

// label copies what says where the node is.
func label(to metav1.Object, node *corev1.Node) {
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
