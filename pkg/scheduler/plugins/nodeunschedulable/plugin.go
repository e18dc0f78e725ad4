package nodeunschedulable

import (
	"context"
	"fmt"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/component-helpers/scheduling/corev1"
	"k8s.io/klog/v2"
	"k8s.io/kube-scheduler/framework"
)

// Name is the plugin's name in configurations.
const Name = "NodeUnschedulable"

// Plugin keeps pods from cordoned nodes.
type Plugin struct {
	rejection *framework.Status
}

var (
	_ framework.FilterPlugin      = &Plugin{}
	_ framework.EnqueueExtensions = &Plugin{}
)

// New makes the plugin, which takes no arguments.
func New(context.Context, runtime.Object, framework.Handle) (framework.Plugin, error) {
	return &Plugin{
		rejection: framework.NewStatus(framework.UnschedulableAndUnresolvable, "node(s) were unschedulable").WithPlugin(Name),
	}, nil
}

// Name is the plugin's name.
func (*Plugin) Name() string { return Name }

// Filter turns a cordoned node down.
func (p *Plugin) Filter(ctx context.Context, _ framework.CycleState, pod *v1.Pod, node framework.NodeInfo) *framework.Status {
	if !node.Node().Spec.Unschedulable || tolerates(klog.FromContext(ctx), pod) {
		return nil
	}
	return p.rejection
}

func tolerates(logger klog.Logger, pod *v1.Pod) bool {
	cordon := &v1.Taint{Key: v1.TaintNodeUnschedulable, Effect: v1.TaintEffectNoSchedule}
	return corev1.TolerationsTolerateTaint(logger, pod.Spec.Tolerations, cordon, false)
}

// EventsToRegister are a node that comes or is uncordoned, and a pod that tolerates more.
func (*Plugin) EventsToRegister(context.Context) ([]framework.ClusterEventWithHint, error) {
	return []framework.ClusterEventWithHint{
		{
			Event:          framework.ClusterEvent{Resource: framework.Node, ActionType: framework.Add | framework.UpdateNodeTaint},
			QueueingHintFn: afterNodeChange,
		},
		{
			Event:          framework.ClusterEvent{Resource: framework.Pod, ActionType: framework.UpdatePodToleration},
			QueueingHintFn: afterPodChange,
		},
	}, nil
}

func afterNodeChange(_ klog.Logger, _ *v1.Pod, oldObj, newObj any) (framework.QueueingHint, error) {
	node, ok := newObj.(*v1.Node)
	if !ok {
		return framework.Queue, fmt.Errorf("want a node, got %T", newObj)
	}
	before, existed := oldObj.(*v1.Node)
	if node.Spec.Unschedulable || existed && !before.Spec.Unschedulable {
		return framework.QueueSkip, nil
	}
	return framework.Queue, nil
}

func afterPodChange(logger klog.Logger, pod *v1.Pod, _, newObj any) (framework.QueueingHint, error) {
	changed, ok := newObj.(*v1.Pod)
	if !ok {
		return framework.Queue, fmt.Errorf("want a pod, got %T", newObj)
	}
	if changed.UID != pod.UID || !tolerates(logger, changed) {
		return framework.QueueSkip, nil
	}
	return framework.Queue, nil
}
