package kubelet

import (
	"context"

	"golang.org/x/sync/errgroup"

	"github.com/proa-sh/proa/pkg/kubelet/desired"
	"github.com/proa-sh/proa/pkg/kubelet/eviction"
	"github.com/proa-sh/proa/pkg/kubelet/logs"
	"github.com/proa-sh/proa/pkg/kubelet/mirrors"
	"github.com/proa-sh/proa/pkg/kubelet/probes"
	"github.com/proa-sh/proa/pkg/kubelet/server"
	"github.com/proa-sh/proa/pkg/kubelet/worker"
)

// graph is a whole kubelet on a runtime that answers: the parts that act, and those that decide over them. It is complete when
// newGraph returns, and nothing in it changes afterwards.
type graph struct {
	*parts
	eviction *eviction.Manager
	probes   *probes.Manager
	pool     *worker.Pool
	mirrors  *mirrors.Keeper
	// server is nil when the kubelet serves no API.
	server *server.Server
}

// newGraph makes all of it, each after what it needs. Probes and workers end with ctx.
func newGraph(ctx context.Context, k *Kubelet, c clients, events *events) (*graph, error) {
	p, err := newParts(ctx, k, c, events)
	if err != nil {
		return nil, err
	}
	relief, err := p.evictionConfig()
	if err != nil {
		return nil, err
	}
	evict, counted := eviction.New(relief), newProbeMetrics()
	probe := probes.New(ctx, p.probeConfig(counted))
	api, err := p.newServer(counted)
	if err != nil {
		return nil, err
	}
	return &graph{
		parts: p, eviction: evict, probes: probe,
		pool:    worker.NewPool(ctx, k.registry, p.poolConfig(evict, probe)),
		mirrors: mirrors.New(mirrors.Config{Client: k.cfg.Client, Look: p.lookStatic, Node: p.apiNode}),
		server:  api,
	}, nil
}

// run runs the kubelet until ctx ends or a part fails.
func (g *graph) run(ctx context.Context, start desired.Start) error {
	group, ctx := errgroup.WithContext(ctx)
	forever := func(work func()) {
		group.Go(func() error { work(); return nil })
	}
	group.Go(func() error { return g.node.Run(ctx) })
	forever(func() { g.runtime.Watch(ctx, g.touched) })
	forever(func() { g.desired.Run(ctx, g.pool, start) })
	group.Go(func() error { return g.mirrors.Run(ctx) })
	group.Go(func() error { return g.eviction.Run(ctx) })
	group.Go(func() error { return g.followStatic(ctx) })
	forever(func() { g.images.Collect(ctx, g.gcPolicy(), g.imagesInUse) })
	forever(func() { logs.Run(ctx, g.logConfig()) })
	forever(func() { g.caches.keep(ctx) })
	if g.server != nil {
		group.Go(func() error { return g.server.Run(ctx) })
	}
	return group.Wait()
}

// wait returns when all workers and probes have ended, after their context has.
func (g *graph) wait() {
	g.pool.Wait()
	g.probes.Wait()
}
