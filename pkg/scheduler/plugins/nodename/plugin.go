package nodename

import (
	"context"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/kube-scheduler/framework"
)

// Name is the plugin's name in configurations.
const Name = "NodeName"

// Plugin keeps a pod on the node that it names.
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
		rejection: framework.NewStatus(framework.UnschedulableAndUnresolvable, "node(s) didn't match the requested node name").WithPlugin(Name),
	}, nil
}

// Name is the plugin's name.
func (*Plugin) Name() string { return Name }

// Filter turns all nodes down but the one that the pod names, if it names one.
func (p *Plugin) Filter(_ context.Context, _ framework.CycleState, pod *v1.Pod, node framework.NodeInfo) *framework.Status {
	if pod.Spec.NodeName == "" || pod.Spec.NodeName == node.Node().Name {
		return nil
	}
	return p.rejection
}

// EventsToRegister is a node that comes.
func (*Plugin) EventsToRegister(context.Context) ([]framework.ClusterEventWithHint, error) {
	return []framework.ClusterEventWithHint{
		{Event: framework.ClusterEvent{Resource: framework.Node, ActionType: framework.Add}},
	}, nil
}
