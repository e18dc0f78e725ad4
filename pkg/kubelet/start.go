package kubelet

import (
	"context"
	"fmt"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"

	"github.com/proa-sh/proa/pkg/kubelet/desired"
	"github.com/proa-sh/proa/pkg/kubelet/podstate"
)

// look makes the node's own cgroups, and reads what an earlier kubelet left on the node.
func (g *graph) look(ctx context.Context) (desired.Start, error) {
	if err := g.resources.Start(ctx); err != nil {
		return desired.Start{}, fmt.Errorf("set up cgroups: %w", err)
	}
	found, err := g.runtime.List(ctx)
	if err != nil {
		return desired.Start{}, fmt.Errorf("read what the container runtime holds: %w", err)
	}
	leftover, err := g.leftover(ctx, found)
	return desired.Start{
		Found: found, Leftover: leftover, Recorded: g.recorded(), Synced: g.caches.synced, MirrorChanged: g.mirrors.Wake,
		Inspect: func(ctx context.Context, uid types.UID) (podstate.Observed, error) {
			return g.runtime.Inspect(ctx, uid, nil)
		},
	}, err
}

// recorded are the pods that the node has taken, with as much of them as it takes to end them.
func (p *parts) recorded() []*v1.Pod {
	var list []*v1.Pod
	for _, r := range p.records.All() {
		list = append(list, r.Pod())
	}
	return list
}

// leftover are pods of which volumes or cgroups were left by an earlier run. One that neither the runtime knows nor a record
// tells of, and of which something runs, is somebody else's.
func (p *parts) leftover(ctx context.Context, found []podstate.Observed) ([]types.UID, error) {
	fromVolumes, err := p.volumes.Known()
	if err != nil {
		return nil, err
	}
	fromCgroups, err := p.resources.Pods()
	if err != nil {
		return nil, err
	}
	ours := map[types.UID]bool{}
	for _, o := range found {
		ours[o.UID] = true
	}
	var list []types.UID
	for _, uid := range append(fromVolumes, fromCgroups...) {
		if _, recorded := p.records.Get(uid); !recorded && !ours[uid] {
			busy, err := p.resources.Busy(uid)
			if err != nil {
				return nil, err
			}
			if busy {
				klog.FromContext(ctx).Info("A pod's cgroup has processes that this kubelet knows nothing of; the pod is left alone. End them if no other kubelet runs here",
					"podUID", uid)
				continue
			}
		}
		list = append(list, uid)
	}
	return list, nil
}

// touched passes a change in the runtime on. What comes to life of a pod that nobody runs is looked at by itself.
func (g *graph) touched(uid types.UID) {
	if !g.pool.Touch(uid) {
		g.desired.Stray(uid)
	}
}
