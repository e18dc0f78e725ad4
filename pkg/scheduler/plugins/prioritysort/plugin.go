package prioritysort

import (
	"context"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/component-helpers/scheduling/corev1"
	"k8s.io/kube-scheduler/framework"
)

// Name is the plugin's name in configurations.
const Name = "PrioritySort"

// Plugin orders pods.
type Plugin struct{}

var _ framework.QueueSortPlugin = Plugin{}

// New makes the plugin, which takes no arguments.
func New(context.Context, runtime.Object, framework.Handle) (framework.Plugin, error) {
	return Plugin{}, nil
}

// Name is the plugin's name.
func (Plugin) Name() string { return Name }

// Less tells whether a is tried before b.
func (Plugin) Less(a, b framework.QueuedPodInfo) bool {
	pa, pb := corev1.PodPriority(a.GetPodInfo().GetPod()), corev1.PodPriority(b.GetPodInfo().GetPod())
	if pa != pb {
		return pa > pb
	}
	return a.GetTimestamp().Before(b.GetTimestamp())
}
