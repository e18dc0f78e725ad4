package kubelet

import (
	"context"
	"errors"
	"sync"

	"github.com/proa-sh/proa/pkg/kubelet/desired"
	"github.com/proa-sh/proa/pkg/kubelet/worker"
)

// Kubelet runs the pods of one node.
type Kubelet struct {
	cfg      Config
	desired  *desired.Desired
	registry *worker.Registry
	caches   *caches
	health   health
}

// New checks the configuration and listens to informers, which the caller starts afterwards.
func New(cfg Config) (*Kubelet, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	registry := worker.NewRegistry()
	caches, err := newCaches(&cfg, registry)
	if err != nil {
		return nil, err
	}
	desired, err := desired.New(cfg.Informers.Core().V1().Pods().Informer(), cfg.NodeName)
	if err != nil {
		return nil, err
	}
	return &Kubelet{cfg: cfg, desired: desired, registry: registry, caches: caches, health: health{check: notReached}}, nil
}

// Run works until ctx ends. Containers go on running. Static pods are run before the API server is reached, for they may be
// the API server.
func (k *Kubelet) Run(ctx context.Context) error {
	c, err := connect(ctx, &k.cfg)
	if err != nil || c == nil {
		return err
	}
	defer c.close(context.WithoutCancel(ctx))
	events := newEvents(ctx, k.cfg.Client, k.cfg.NodeName)
	defer events.stop()
	working, stop := context.WithCancel(ctx)
	defer stop()
	g, err := newGraph(working, k, *c, events)
	if err != nil {
		return err
	}
	start, err := g.look(working)
	if err != nil {
		return err
	}
	k.health.set(g.node.Healthy)
	defer k.health.set(notReached)
	err = g.run(working, start)
	stop()
	g.wait()
	return err
}

// Healthy is nil while the kubelet works and its Node is registered.
func (k *Kubelet) Healthy() error { return k.health.now() }

// health is what others are told of how the kubelet does.
type health struct {
	mu sync.Mutex
	// check is never nil; guarded by mu.
	check func() error
}

func (h *health) set(check func() error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.check = check
}

func (h *health) now() error {
	h.mu.Lock()
	check := h.check
	h.mu.Unlock()
	return check()
}

// notReached is the health of a kubelet that does not run yet, or no more.
func notReached() error { return errors.New("the kubelet has not reached the container runtime yet") }
