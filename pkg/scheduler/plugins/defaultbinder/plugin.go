package defaultbinder

import (
	"context"
	"fmt"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/klog/v2"
	"k8s.io/kube-scheduler/framework"
)

// Name is the plugin's name in configurations.
const Name = "DefaultBinder"

// Plugin binds pods.
type Plugin struct {
	handle framework.Handle
}

var _ framework.BindPlugin = &Plugin{}

// New makes the plugin, which takes no arguments.
func New(_ context.Context, _ runtime.Object, handle framework.Handle) (framework.Plugin, error) {
	return &Plugin{handle: handle}, nil
}

// Name is the plugin's name.
func (*Plugin) Name() string { return Name }

// Bind writes the pod's node. The UID makes the API server refuse a pod that was made anew under the same name.
func (p *Plugin) Bind(ctx context.Context, _ framework.CycleState, pod *v1.Pod, node string) *framework.Status {
	klog.FromContext(ctx).V(4).Info("Binding pod", "pod", klog.KObj(pod), "node", node)
	binding := &v1.Binding{
		ObjectMeta: metav1.ObjectMeta{Namespace: pod.Namespace, Name: pod.Name, UID: pod.UID},
		Target:     v1.ObjectReference{Kind: "Node", Name: node},
	}
	if err := p.handle.ClientSet().CoreV1().Pods(pod.Namespace).Bind(ctx, binding, metav1.CreateOptions{}); err != nil {
		return framework.AsStatus(fmt.Errorf("bind pod to node %q: %w", node, err))
	}
	return nil
}
