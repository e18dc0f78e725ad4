package profile

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/component-helpers/scheduling/corev1"
	"k8s.io/klog/v2"
	"k8s.io/kube-scheduler/framework"
)

// RunPreEnqueuePlugins asks whether a pod may be tried at all.
func (p *Profile) RunPreEnqueuePlugins(ctx context.Context, pod *v1.Pod) *framework.Status {
	for _, plugin := range p.preEnqueue {
		if status := plugin.PreEnqueue(ctx, pod); !status.IsSuccess() {
			return named(status, plugin)
		}
	}
	return nil
}

// RunPreFilterPlugins prepares filtering. It returns the nodes that are left to look at (nil for all) and the plugins
// that said so.
func (p *Profile) RunPreFilterPlugins(ctx context.Context, state *CycleState, pod *v1.Pod) (*framework.PreFilterResult, sets.Set[string], *framework.Status) {
	var result *framework.PreFilterResult
	restricting := sets.New[string]()
	skip := sets.New[string]()
	nodes, err := p.config.Snapshot.List()
	if err != nil {
		return nil, nil, framework.AsStatus(fmt.Errorf("list nodes: %w", err))
	}
	for _, plugin := range p.preFilter {
		r, status := plugin.PreFilter(ctx, state, pod, nodes)
		if status.IsSkip() {
			skip.Insert(plugin.Name())
			continue
		}
		if !status.IsSuccess() {
			return nil, nil, failed(status, plugin, "PreFilter")
		}
		if r.AllNodes() {
			continue
		}
		restricting.Insert(plugin.Name())
		result = result.Merge(r)
		if result.NodeNames.Len() == 0 {
			return result, restricting, noNodeLeft(plugin, restricting)
		}
	}
	state.SetSkipFilterPlugins(skip)
	state.filters = p.filtersFor(skip)
	return result, restricting, nil
}

func noNodeLeft(last framework.Plugin, restricting sets.Set[string]) *framework.Status {
	message := fmt.Sprintf("node(s) didn't satisfy plugin(s) %v simultaneously", sets.List(restricting))
	if restricting.Len() == 1 {
		message = fmt.Sprintf("node(s) didn't satisfy plugin %v", last.Name())
	}
	return framework.NewStatus(framework.UnschedulableAndUnresolvable, message).WithPlugin(last.Name())
}

func (p *Profile) filtersFor(skip sets.Set[string]) []framework.FilterPlugin {
	filters := make([]framework.FilterPlugin, 0, len(p.filter))
	for _, plugin := range p.filter {
		if !skip.Has(plugin.Name()) {
			filters = append(filters, plugin)
		}
	}
	return filters
}

// RunFilterPlugins asks all Filter plugins about one node until one turns it down.
func (p *Profile) RunFilterPlugins(ctx context.Context, state framework.CycleState, pod *v1.Pod, node framework.NodeInfo) *framework.Status {
	filters := p.filter
	if s, ok := state.(*CycleState); ok && s.filters != nil {
		filters = s.filters
	} else if skip := state.GetSkipFilterPlugins(); skip.Len() > 0 {
		filters = p.filtersFor(skip)
	}
	for _, plugin := range filters {
		status := plugin.Filter(ctx, state, pod, node)
		if status == nil {
			continue
		}
		if status.IsRejected() {
			return named(status, plugin)
		}
		if !status.IsSuccess() {
			return failed(status, plugin, "Filter")
		}
	}
	return nil
}

// RunFilterPluginsWithNominatedPods asks about a node as if the pods that have it in prospect, and are at least as
// important, were there already. Since these may never come, the node must fit without them too (a pod may be wanted
// for affinity).
func (p *Profile) RunFilterPluginsWithNominatedPods(ctx context.Context, state framework.CycleState, pod *v1.Pod, node framework.NodeInfo) *framework.Status {
	withState, withNode, status := p.addNominated(ctx, state, pod, node)
	if !status.IsSuccess() {
		return status
	}
	if withNode != nil {
		if status := p.RunFilterPlugins(ctx, withState, pod, withNode); !status.IsSuccess() {
			return status
		}
	}
	return p.RunFilterPlugins(ctx, state, pod, node)
}

// addNominated is the state and the node with the nominated pods counted in; nil when there are none to count.
func (p *Profile) addNominated(ctx context.Context, state framework.CycleState, pod *v1.Pod, node framework.NodeInfo) (framework.CycleState, framework.NodeInfo, *framework.Status) {
	nominated := p.NominatedPodsForNode(node.Node().Name)
	if len(nominated) == 0 {
		return nil, nil, nil
	}
	var withState framework.CycleState
	var withNode framework.NodeInfo
	for _, n := range nominated {
		if n.GetPod().UID == pod.UID || corev1.PodPriority(n.GetPod()) < corev1.PodPriority(pod) {
			continue
		}
		if withNode == nil {
			withState, withNode = state.Clone(), node.Snapshot()
		}
		withNode.AddPodInfo(n)
		if status := p.RunPreFilterExtensionAddPod(ctx, withState, pod, n, withNode); !status.IsSuccess() {
			return nil, nil, status
		}
	}
	return withState, withNode, nil
}

// RunPreFilterExtensionAddPod tells plugins that, for the sake of argument, a pod is on the node.
func (p *Profile) RunPreFilterExtensionAddPod(ctx context.Context, state framework.CycleState, pod *v1.Pod, added framework.PodInfo, node framework.NodeInfo) *framework.Status {
	return p.extend(state, "AddPod", func(e framework.PreFilterExtensions) *framework.Status {
		return e.AddPod(ctx, state, pod, added, node)
	})
}

// RunPreFilterExtensionRemovePod tells plugins that, for the sake of argument, a pod is not on the node.
func (p *Profile) RunPreFilterExtensionRemovePod(ctx context.Context, state framework.CycleState, pod *v1.Pod, removed framework.PodInfo, node framework.NodeInfo) *framework.Status {
	return p.extend(state, "RemovePod", func(e framework.PreFilterExtensions) *framework.Status {
		return e.RemovePod(ctx, state, pod, removed, node)
	})
}

func (p *Profile) extend(state framework.CycleState, what string, call func(framework.PreFilterExtensions) *framework.Status) *framework.Status {
	for _, plugin := range p.preFilter {
		extensions := plugin.PreFilterExtensions()
		if extensions == nil || state.GetSkipFilterPlugins().Has(plugin.Name()) {
			continue
		}
		if status := call(extensions); !status.IsSuccess() {
			return framework.AsStatus(fmt.Errorf("run %s of plugin %q: %w", what, plugin.Name(), status.AsError()))
		}
	}
	return nil
}

// RunPostFilterPlugins lets plugins make room for a pod that fits nowhere. The first that succeeds ends it.
func (p *Profile) RunPostFilterPlugins(ctx context.Context, state framework.CycleState, pod *v1.Pod, nodes framework.NodeToStatusReader) (*framework.PostFilterResult, *framework.Status) {
	var reasons []string
	var result *framework.PostFilterResult
	rejecting := ""
	for _, plugin := range p.postFilter {
		r, status := plugin.PostFilter(ctx, state, pod, nodes)
		if status.IsSuccess() {
			return r, nil
		}
		if !status.IsRejected() {
			return nil, failed(status, plugin, "PostFilter")
		}
		if r != nil && r.Mode() != framework.ModeNoop {
			result = r
		}
		reasons = append(reasons, status.Reasons()...)
		if rejecting == "" {
			rejecting = plugin.Name()
		}
	}
	klog.FromContext(ctx).V(4).Info("No room was made", "pod", klog.KObj(pod), "reasons", strings.Join(reasons, "; "))
	return result, framework.NewStatus(framework.Unschedulable, slices.Clip(reasons)...).WithPlugin(rejecting)
}

// named is a rejection that names its plugin. Plugins may return one shared status that does so already.
func named(status *framework.Status, plugin framework.Plugin) *framework.Status {
	if status.Plugin() == "" {
		status.SetPlugin(plugin.Name())
	}
	return status
}

// failed is the status to go on with after a plugin did not succeed: a rejection as it is, all else as an error.
func failed(status *framework.Status, plugin framework.Plugin, point string) *framework.Status {
	if status.IsRejected() {
		return named(status, plugin)
	}
	err := status.AsError()
	if err == nil {
		err = errors.New("unexpected status " + status.Code().String())
	}
	return framework.AsStatus(fmt.Errorf("run %s of plugin %q: %w", point, plugin.Name(), err)).WithPlugin(plugin.Name())
}
