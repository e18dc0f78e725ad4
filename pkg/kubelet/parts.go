package kubelet

import (
	"context"
	"errors"
	"path/filepath"

	v1 "k8s.io/api/core/v1"
	"k8s.io/component-base/version"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/klog/v2"

	"github.com/proa-sh/proa/pkg/kubelet/desired"
	"github.com/proa-sh/proa/pkg/kubelet/images"
	"github.com/proa-sh/proa/pkg/kubelet/node"
	"github.com/proa-sh/proa/pkg/kubelet/record"
	"github.com/proa-sh/proa/pkg/kubelet/resources"
	"github.com/proa-sh/proa/pkg/kubelet/runtime"
	"github.com/proa-sh/proa/pkg/kubelet/status"
	"github.com/proa-sh/proa/pkg/kubelet/volumes"
	"github.com/proa-sh/proa/pkg/kubelet/worker"
)

// parts are the stages that act for pods, and what they know. None of them needs the pool of workers: what they have to tell it
// goes to the registry.
type parts struct {
	clients
	cfg       *Config
	facts     facts
	desired   *desired.Desired
	registry  *worker.Registry
	caches    *caches
	events    *events
	records   *record.Store
	resources *resources.Manager
	node      *node.Node
	volumes   *volumes.Manager
	runtime   *runtime.Runtime
	images    *images.Manager
	publisher status.Publisher
	hookAgent string
}

// newParts makes them on a runtime that answers, each after those that it needs.
func newParts(ctx context.Context, k *Kubelet, c clients, events *events) (*parts, error) {
	cfg := &k.cfg
	facts, err := readFacts(ctx, cfg, c.runtimeAPI)
	if err != nil {
		return nil, err
	}
	records, err := record.Open(klog.FromContext(ctx), filepath.Join(cfg.Root, "records"))
	if err != nil {
		return nil, err
	}
	cgroups, err := resources.New(resourcesConfig(cfg, facts))
	if err != nil {
		return nil, err
	}
	ourNode, err := node.New(nodeConfig(k, c, facts, events))
	if err != nil {
		return nil, err
	}
	mounts, err := volumes.New(volumes.Config{
		RootDir: cfg.Root, Objects: k.caches.objects, Tokens: tokens{cfg.Client}, Node: ourNode, Records: records,
	})
	if err != nil {
		return nil, err
	}
	return &parts{
		clients: c, cfg: cfg, facts: facts, desired: k.desired, registry: k.registry, caches: k.caches,
		events: events, records: records, resources: cgroups, node: ourNode, volumes: mounts,
		runtime: runtime.New(runtimeConfig(k, c, facts, cgroups, mounts)),
		images: images.New(images.Config{
			CRI: c.imageAPI, Secrets: k.caches.objects, NodeCredentials: cfg.nodeCredentials(), MaxParallel: cfg.maxPulls(), Event: events.record,
		}),
		publisher: status.Publisher{Client: cfg.Client}, hookAgent: "kube-lifecycle/" + minor(),
	}, nil
}

// minor is our version as user agents tell it.
func minor() string { v := version.Get(); return v.Major + "." + v.Minor }

// runtimeConfig is how pods are made in the container runtime.
func runtimeConfig(k *Kubelet, clients clients, f facts, cgroups *resources.Manager, mounts *volumes.Manager) runtime.Config {
	c := k.cfg.Kubelet
	return runtime.Config{
		CRI: clients.runtimeAPI, Paths: k.cfg.paths(), Objects: k.caches.objects, Handler: k.caches.handlerOf,
		DNS:            runtime.DNS{Servers: c.ClusterDNS, Domain: c.ClusterDomain, ResolvConf: value(c.ResolverConfig, "")},
		Services:       k.caches.servicesFor,
		Allocatable:    func() v1.ResourceList { return f.allocatable },
		Resources:      cgroups.ContainerResources,
		SeccompDefault: value(c.SeccompDefault, false),
		UserNS:         userNamespace,
		MountPoint:     mounts.MountPoint,
		SubPath: func(s runtime.SubPath) (string, error) {
			return mounts.SubPath(volumes.SubPathRequest{
				PodUID: s.UID, Container: s.Container, Index: s.Index, Volume: s.Volume, VolumePath: s.VolumePath, SubPath: s.Path,
			})
		},
	}
}

// userNamespace: pods share the node's user namespace. One that asks for its own is told that it cannot have it.
func userNamespace(pod *v1.Pod) (*runtimeapi.UserNamespace, error) {
	if value(pod.Spec.HostUsers, true) {
		return nil, nil
	}
	return nil, errors.New("user namespaces (hostUsers: false) are not supported by this kubelet")
}
