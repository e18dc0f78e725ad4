package nodeports

import (
	"context"
	"fmt"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/klog/v2"
	"k8s.io/kube-scheduler/framework"

	"github.com/proa-sh/proa/pkg/scheduler/cache"
)

// Name is the plugin's name in configurations.
const Name = "NodePorts"

const filterKey framework.StateKey = "PreFilter" + Name

// Plugin keeps host ports from clashing.
type Plugin struct {
	rejection *framework.Status
}

var (
	_ framework.PreFilterPlugin   = &Plugin{}
	_ framework.FilterPlugin      = &Plugin{}
	_ framework.EnqueueExtensions = &Plugin{}
)

// New makes the plugin, which takes no arguments.
func New(context.Context, runtime.Object, framework.Handle) (framework.Plugin, error) {
	return &Plugin{
		rejection: framework.NewStatus(framework.Unschedulable, "node(s) didn't have free ports for the requested pod ports").WithPlugin(Name),
	}, nil
}

// Name is the plugin's name.
func (*Plugin) Name() string { return Name }

// ports are the host ports of the pod of a cycle.
type ports []*v1.ContainerPort

// Clone returns the ports themselves, which no one changes.
func (p ports) Clone() framework.StateData { return p }

func portsOf(pod *v1.Pod) ports {
	var all ports
	for port := range cache.HostPorts(pod) {
		all = append(all, port)
	}
	return all
}

// PreFilter skips pods without host ports.
func (*Plugin) PreFilter(_ context.Context, state framework.CycleState, pod *v1.Pod, _ []framework.NodeInfo) (*framework.PreFilterResult, *framework.Status) {
	all := portsOf(pod)
	if len(all) == 0 {
		return nil, framework.NewStatus(framework.Skip)
	}
	state.Write(filterKey, all)
	return nil, nil
}

// PreFilterExtensions is nil: which ports a pod wants does not depend on other pods.
func (*Plugin) PreFilterExtensions() framework.PreFilterExtensions { return nil }

// Filter turns a node down on which one of the pod's ports is taken.
func (p *Plugin) Filter(_ context.Context, state framework.CycleState, _ *v1.Pod, node framework.NodeInfo) *framework.Status {
	data, err := state.Read(filterKey)
	if err != nil {
		return framework.AsStatus(err)
	}
	if clash(data.(ports), node.GetUsedPorts()) {
		return p.rejection
	}
	return nil
}

func clash(wanted ports, used framework.HostPortInfo) bool {
	for _, port := range wanted {
		if used.CheckConflict(port.HostIP, string(port.Protocol), port.HostPort) {
			return true
		}
	}
	return false
}

// EventsToRegister are a pod that goes and a node that comes.
func (*Plugin) EventsToRegister(context.Context) ([]framework.ClusterEventWithHint, error) {
	return []framework.ClusterEventWithHint{
		{
			Event:          framework.ClusterEvent{Resource: framework.Pod, ActionType: framework.Delete},
			QueueingHintFn: afterPodDeleted,
		},
		{Event: framework.ClusterEvent{Resource: framework.Node, ActionType: framework.Add}},
	}, nil
}

// afterPodDeleted helps if the pod that went had one of the ports.
func afterPodDeleted(_ klog.Logger, pod *v1.Pod, oldObj, _ any) (framework.QueueingHint, error) {
	gone, ok := oldObj.(*v1.Pod)
	if !ok {
		return framework.Queue, fmt.Errorf("want a pod, got %T", oldObj)
	}
	if gone.Spec.NodeName == "" && gone.Status.NominatedNodeName == "" {
		return framework.QueueSkip, nil
	}
	freed := framework.HostPortInfo{}
	for port := range cache.HostPorts(gone) {
		freed.Add(port.HostIP, string(port.Protocol), port.HostPort)
	}
	if clash(portsOf(pod), freed) {
		return framework.Queue, nil
	}
	return framework.QueueSkip, nil
}
