package profile

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/kube-scheduler/framework"
)

// maxPermitWait bounds how long a pod waits at Permit, whatever a plugin asks for.
const maxPermitWait = 15 * time.Minute

// RunReservePluginsReserve lets plugins set aside what the pod needs on its node.
func (p *Profile) RunReservePluginsReserve(ctx context.Context, state framework.CycleState, pod *v1.Pod, node string) *framework.Status {
	for _, plugin := range p.reserve {
		if status := plugin.Reserve(ctx, state, pod, node); !status.IsSuccess() {
			return failed(status, plugin, "Reserve")
		}
	}
	return nil
}

// RunReservePluginsUnreserve undoes Reserve, in reverse order.
func (p *Profile) RunReservePluginsUnreserve(ctx context.Context, state framework.CycleState, pod *v1.Pod, node string) {
	for i := len(p.reserve) - 1; i >= 0; i-- {
		p.reserve[i].Unreserve(ctx, state, pod, node)
	}
}

// RunPermitPlugins asks whether the pod may be bound. With status Wait, WaitOnPermit must be called before it is.
func (p *Profile) RunPermitPlugins(ctx context.Context, state framework.CycleState, pod *v1.Pod, node string) *framework.Status {
	var pending map[string]time.Duration
	for _, plugin := range p.permit {
		status, timeout := plugin.Permit(ctx, state, pod, node)
		switch {
		case status.IsSuccess():
		case status.IsWait():
			if pending == nil {
				pending = map[string]time.Duration{}
			}
			pending[plugin.Name()] = min(timeout, maxPermitWait)
		default:
			return failed(status, plugin, "Permit")
		}
	}
	if pending == nil {
		return nil
	}
	p.config.Waiting.add(pod, pending)
	return framework.NewStatus(framework.Wait)
}

// WaitOnPermit waits until the pod may be bound, or may not.
func (p *Profile) WaitOnPermit(ctx context.Context, pod *v1.Pod) *framework.Status {
	return p.config.Waiting.wait(ctx, pod.UID)
}

// RunPreBindPreFlights asks which plugins have something to do before the pod is bound. Skip means none.
func (p *Profile) RunPreBindPreFlights(ctx context.Context, state framework.CycleState, pod *v1.Pod, node string) *framework.Status {
	skip, parallel := sets.New[string](), sets.New[string]()
	for _, plugin := range p.preBind {
		result, status := plugin.PreBindPreFlight(ctx, state, pod, node)
		if result != nil && result.AllowParallel {
			parallel.Insert(plugin.Name())
		}
		if status.IsSkip() {
			skip.Insert(plugin.Name())
			continue
		}
		if !status.IsSuccess() {
			return failed(status, plugin, "PreBindPreFlight")
		}
	}
	state.SetSkipPreBindPlugins(skip)
	state.SetParallelPreBindPlugins(parallel)
	if skip.Len() == len(p.preBind) {
		return framework.NewStatus(framework.Skip)
	}
	return nil
}

// RunPreBindPlugins does what must be done before the pod is bound. Neighbours that allow it run side by side.
func (p *Profile) RunPreBindPlugins(ctx context.Context, state framework.CycleState, pod *v1.Pod, node string) *framework.Status {
	skip, parallel := state.GetSkipPreBindPlugins(), state.GetParallelPreBindPlugins()
	for start := 0; start < len(p.preBind); {
		end := start + 1
		for end < len(p.preBind) && parallel.Has(p.preBind[start].Name()) && parallel.Has(p.preBind[end].Name()) {
			end++
		}
		if status := runPreBind(ctx, p.preBind[start:end], skip, state, pod, node); !status.IsSuccess() {
			return status
		}
		start = end
	}
	return nil
}

func runPreBind(ctx context.Context, group []framework.PreBindPlugin, skip sets.Set[string], state framework.CycleState, pod *v1.Pod, node string) *framework.Status {
	statuses := make([]*framework.Status, len(group))
	var wg sync.WaitGroup
	for i, plugin := range group {
		if skip.Has(plugin.Name()) {
			continue
		}
		wg.Go(func() { statuses[i] = plugin.PreBind(ctx, state, pod, node) })
	}
	wg.Wait()
	for i, status := range statuses {
		if !status.IsSuccess() {
			return failed(status, group[i], "PreBind")
		}
	}
	return nil
}

// RunBindPlugins binds the pod by the first plugin that does not decline.
func (p *Profile) RunBindPlugins(ctx context.Context, state framework.CycleState, pod *v1.Pod, node string) *framework.Status {
	for _, plugin := range p.bind {
		status := plugin.Bind(ctx, state, pod, node)
		if status.IsSkip() {
			continue
		}
		if !status.IsSuccess() {
			return failed(status, plugin, "Bind")
		}
		return nil
	}
	return framework.AsStatus(fmt.Errorf("bind pod to node %q: %w", node, errors.New("all bind plugins declined")))
}

// RunPostBindPlugins tells plugins that the pod is bound.
func (p *Profile) RunPostBindPlugins(ctx context.Context, state framework.CycleState, pod *v1.Pod, node string) {
	for _, plugin := range p.postBind {
		plugin.PostBind(ctx, state, pod, node)
	}
}
