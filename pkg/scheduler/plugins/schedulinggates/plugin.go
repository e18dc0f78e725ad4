package schedulinggates

import (
	"context"
	"fmt"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/klog/v2"
	"k8s.io/kube-scheduler/framework"
)

// Name is the plugin's name in configurations.
const Name = "SchedulingGates"

// Plugin keeps gated pods from being tried.
type Plugin struct{}

var (
	_ framework.PreEnqueuePlugin  = Plugin{}
	_ framework.EnqueueExtensions = Plugin{}
)

// New makes the plugin, which takes no arguments.
func New(context.Context, runtime.Object, framework.Handle) (framework.Plugin, error) {
	return Plugin{}, nil
}

// Name is the plugin's name.
func (Plugin) Name() string { return Name }

// PreEnqueue turns a pod away that has gates.
func (Plugin) PreEnqueue(_ context.Context, pod *v1.Pod) *framework.Status {
	if len(pod.Spec.SchedulingGates) == 0 {
		return nil
	}
	gates := make([]string, 0, len(pod.Spec.SchedulingGates))
	for _, gate := range pod.Spec.SchedulingGates {
		gates = append(gates, gate.Name)
	}
	return framework.NewStatus(framework.UnschedulableAndUnresolvable, fmt.Sprintf("waiting for scheduling gates: %v", gates)).WithPlugin(Name)
}

// EventsToRegister is the end of all gates of the pod.
func (Plugin) EventsToRegister(context.Context) ([]framework.ClusterEventWithHint, error) {
	return []framework.ClusterEventWithHint{{
		Event:          framework.ClusterEvent{Resource: framework.Pod, ActionType: framework.UpdatePodSchedulingGatesEliminated},
		QueueingHintFn: afterPodChange,
	}}, nil
}

func afterPodChange(_ klog.Logger, pod *v1.Pod, _, newObj any) (framework.QueueingHint, error) {
	changed, ok := newObj.(*v1.Pod)
	if !ok {
		return framework.Queue, fmt.Errorf("want a pod, got %T", newObj)
	}
	if changed.UID != pod.UID {
		return framework.QueueSkip, nil
	}
	return framework.Queue, nil
}
