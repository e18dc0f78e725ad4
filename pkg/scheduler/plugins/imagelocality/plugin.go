package imagelocality

import (
	"context"
	"fmt"
	"strings"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/kube-scheduler/framework"
)

// Name is the plugin's name in configurations.
const Name = "ImageLocality"

const scoreKey framework.StateKey = "PreScore" + Name

// Images of less than minSize bytes are pulled so quickly that they do not count; from maxSize bytes per container on,
// more make no difference.
const (
	megabyte int64 = 1024 * 1024
	minSize        = 23 * megabyte
	maxSize        = 1000 * megabyte
)

// Plugin ranks nodes by the images that they have.
type Plugin struct {
	handle framework.Handle
}

var (
	_ framework.PreScorePlugin = &Plugin{}
	_ framework.ScorePlugin    = &Plugin{}
)

// New makes the plugin, which takes no arguments.
func New(_ context.Context, _ runtime.Object, handle framework.Handle) (framework.Plugin, error) {
	return &Plugin{handle: handle}, nil
}

// Name is the plugin's name.
func (*Plugin) Name() string { return Name }

// wanted are the images of the pod of a cycle.
type wanted struct {
	names []string
	// nodes is the number of nodes in the cluster.
	nodes int64
}

// Clone returns the images themselves, which no one changes.
func (w *wanted) Clone() framework.StateData { return w }

// PreScore collects the pod's images. It skips pods none of whose images any of the nodes has.
func (p *Plugin) PreScore(_ context.Context, state framework.CycleState, pod *v1.Pod, nodes []framework.NodeInfo) *framework.Status {
	all, err := p.handle.SnapshotSharedLister().NodeInfos().List()
	if err != nil {
		return framework.AsStatus(fmt.Errorf("list nodes: %w", err))
	}
	w := &wanted{names: imagesOf(pod), nodes: int64(len(all))}
	for _, n := range nodes {
		for _, name := range w.names {
			if _, ok := n.GetImageStates()[name]; ok {
				state.Write(scoreKey, w)
				return nil
			}
		}
	}
	return framework.NewStatus(framework.Skip)
}

func imagesOf(pod *v1.Pod) []string {
	var names []string
	for i := range pod.Spec.InitContainers {
		names = append(names, normalName(pod.Spec.InitContainers[i].Image))
	}
	for i := range pod.Spec.Containers {
		names = append(names, normalName(pod.Spec.Containers[i].Image))
	}
	for i := range pod.Spec.Volumes {
		if image := pod.Spec.Volumes[i].Image; image != nil {
			names = append(names, normalName(image.Reference))
		}
	}
	return names
}

// normalName gives a name the tag that is meant when there is none, as nodes report names with tags.
func normalName(name string) string {
	if strings.LastIndex(name, ":") <= strings.LastIndex(name, "/") && !strings.Contains(name, "@") {
		return name + ":latest"
	}
	return name
}

// Score adds up the sizes of the pod's images that the node has, each by the share of all nodes that have it.
func (*Plugin) Score(_ context.Context, state framework.CycleState, _ *v1.Pod, node framework.NodeInfo) (int64, *framework.Status) {
	data, err := state.Read(scoreKey)
	if err != nil {
		return 0, framework.AsStatus(err)
	}
	w := data.(*wanted)
	var sum int64
	for _, name := range w.names {
		if image, ok := node.GetImageStates()[name]; ok {
			sum += int64(float64(image.Size) * float64(image.NumNodes) / float64(w.nodes))
		}
	}
	highest := maxSize * int64(len(w.names))
	return framework.MaxScore * (min(max(sum, minSize), highest) - minSize) / (highest - minSize), nil
}

// ScoreExtensions is nil: scores are in range as they are.
func (*Plugin) ScoreExtensions() framework.ScoreExtensions { return nil }
