package kubelet

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	v1 "k8s.io/api/core/v1"
	corelisters "k8s.io/client-go/listers/core/v1"
	nodelisters "k8s.io/client-go/listers/node/v1"
	"k8s.io/client-go/tools/cache"
	cri "k8s.io/cri-client/pkg"
	"k8s.io/klog/v2"

	"github.com/proa-sh/proa/pkg/kubelet/desired"
	"github.com/proa-sh/proa/pkg/kubelet/objects"
	"github.com/proa-sh/proa/pkg/kubelet/worker"
)

// objectSource gives the objects that pods name. Follow and Forget tell which pods are on the node.
type objectSource interface {
	Secret(ctx context.Context, namespace, name string) (*v1.Secret, error)
	ConfigMap(ctx context.Context, namespace, name string) (*v1.ConfigMap, error)
	Follow(pod *v1.Pod)
	Forget(pod *v1.Pod)
}

// Kubelet runs the pods of one node.
type Kubelet struct {
	cfg      Config
	desired  *desired.Desired
	objects  objectSource
	services corelisters.ServiceLister
	nodes    corelisters.NodeLister
	classes  nodelisters.RuntimeClassLister
	synced   []cache.DoneChecker

	mu sync.Mutex
	// parts is set while Run works; guarded by mu.
	parts *parts
}

// New checks the configuration and listens to informers, which the caller starts afterwards.
func New(cfg Config) (*Kubelet, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	core := cfg.Informers.Core().V1()
	k := &Kubelet{
		cfg: cfg, services: core.Services().Lister(), nodes: core.Nodes().Lister(),
		classes: cfg.Informers.Node().V1().RuntimeClasses().Lister(),
		synced: []cache.DoneChecker{
			core.Services().Informer().HasSyncedChecker(), core.Nodes().Informer().HasSyncedChecker(),
			cfg.Informers.Node().V1().RuntimeClasses().Informer().HasSyncedChecker(),
		},
	}
	var err error
	if k.desired, err = desired.New(core.Pods().Informer(), cfg.NodeName); err != nil {
		return nil, err
	}
	if cfg.WatchObjects {
		k.objects = objects.NewWatcher(cfg.Client, k.objectChanged)
		return k, nil
	}
	lister, err := objects.NewLister(cfg.Informers, cfg.Client, k.objectChanged)
	if err != nil {
		return nil, err
	}
	k.objects = lister
	k.synced = append(k.synced, lister.Synced()...)
	return k, nil
}

// connectPause is how long the kubelet waits before it tries again to reach the container runtime.
const connectPause = 100 * time.Millisecond

// Run works until ctx ends. Containers go on running. Static pods are run before the API server is reached, for they may be
// the API server.
func (k *Kubelet) Run(ctx context.Context) error {
	p, err := k.connect(ctx)
	if err != nil || p == nil {
		return err
	}
	defer p.close(context.WithoutCancel(ctx))
	return p.run(ctx)
}

// connect waits for the container runtime and builds the parts on it; nil when ctx ends before.
func (k *Kubelet) connect(ctx context.Context) (*parts, error) {
	endpoint := k.cfg.Kubelet.ContainerRuntimeEndpoint
	imageEndpoint := k.cfg.Kubelet.ImageServiceEndpoint
	if imageEndpoint == "" {
		imageEndpoint = endpoint
	}
	told := false
	for {
		err := k.reachable(ctx, endpoint, imageEndpoint)
		if err == nil {
			break
		}
		if ctx.Err() != nil {
			return nil, nil
		}
		if !told {
			told = true
			klog.FromContext(ctx).Info("Waiting for the container runtime", "endpoint", endpoint, "err", err)
		}
		timer := time.NewTimer(connectPause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil, nil
		case <-timer.C:
		}
	}
	runtimeService, err := cri.NewRemoteRuntimeService(ctx, endpoint, k.cfg.runtimeTimeout(), nil, false)
	if err != nil {
		return nil, fmt.Errorf("connect to container runtime: %w", err)
	}
	imageService, err := cri.NewRemoteImageService(ctx, imageEndpoint, k.cfg.runtimeTimeout(), nil, false)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("connect to image service: %w", err), runtimeService.Close(ctx))
	}
	return k.build(ctx, runtimeService, imageService)
}

// reachable tries whether both services answer.
func (k *Kubelet) reachable(ctx context.Context, endpoint, imageEndpoint string) error {
	// A runtime that is not there yet is no error worth the client's own log lines.
	quiet := klog.NewContext(ctx, klog.Logger{})
	r, err := cri.NewRemoteRuntimeService(quiet, endpoint, k.cfg.ConnectTimeout, nil, false)
	if err != nil {
		return err
	}
	if err := r.Close(quiet); err != nil {
		return err
	}
	i, err := cri.NewRemoteImageService(quiet, imageEndpoint, k.cfg.ConnectTimeout, nil, false)
	if err != nil {
		return err
	}
	return i.Close(quiet)
}

// objectChanged refreshes the volumes of pods that name the object, and lets them try again what failed for want of it.
func (k *Kubelet) objectChanged(kind objects.Kind, namespace, name string) {
	pool := k.pool()
	if pool == nil {
		return
	}
	for _, s := range pool.Snapshots() {
		if s.Pod.Namespace == namespace && !s.Ending && objects.Names(s.Pod, kind, name) {
			pool.Refresh(s.Pod.UID)
		}
	}
}

func (k *Kubelet) set(p *parts) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.parts = p
}

func (k *Kubelet) pool() *worker.Pool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.parts == nil {
		return nil
	}
	return k.parts.pool
}

// Healthy is nil while the kubelet works and its Node is registered.
func (k *Kubelet) Healthy() error {
	k.mu.Lock()
	p := k.parts
	k.mu.Unlock()
	if p == nil {
		return errors.New("the kubelet has not reached the container runtime yet")
	}
	return p.node.Healthy()
}
