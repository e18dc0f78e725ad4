package kubelet

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	criapi "k8s.io/cri-api/pkg/apis"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/klog/v2"

	"github.com/proa-sh/proa/pkg/kubelet/desired"
	"github.com/proa-sh/proa/pkg/kubelet/eviction"
	"github.com/proa-sh/proa/pkg/kubelet/images"
	"github.com/proa-sh/proa/pkg/kubelet/logs"
	"github.com/proa-sh/proa/pkg/kubelet/mirrors"
	"github.com/proa-sh/proa/pkg/kubelet/node"
	"github.com/proa-sh/proa/pkg/kubelet/podstate"
	"github.com/proa-sh/proa/pkg/kubelet/probes"
	"github.com/proa-sh/proa/pkg/kubelet/record"
	"github.com/proa-sh/proa/pkg/kubelet/resources"
	"github.com/proa-sh/proa/pkg/kubelet/runtime"
	"github.com/proa-sh/proa/pkg/kubelet/server"
	"github.com/proa-sh/proa/pkg/kubelet/status"
	"github.com/proa-sh/proa/pkg/kubelet/volumes"
	"github.com/proa-sh/proa/pkg/kubelet/worker"
	"github.com/proa-sh/proa/pkg/pods"
)

// parts are the stages while the kubelet runs.
type parts struct {
	k          *Kubelet
	runtimeAPI criapi.RuntimeService
	imageAPI   criapi.ImageManagerService
	events     *events
	runtime    *runtime.Runtime
	images     *images.Manager
	volumes    *volumes.Manager
	resources  *resources.Manager
	node       *node.Node
	probes     *probes.Manager
	probed     *probeMetrics
	pool       *worker.Pool
	server     *server.Server
	mirrors    *mirrors.Keeper
	eviction   *eviction.Manager
	publisher  status.Publisher
	records    *record.Store
	objects    objectSource
	hookAgent  string
	facts      facts
}

// run runs the stages until ctx ends or one fails.
func (p *parts) run(ctx context.Context) error {
	if err := p.resources.Start(ctx); err != nil {
		return fmt.Errorf("set up cgroups: %w", err)
	}
	found, err := p.runtime.List(ctx)
	if err != nil {
		return fmt.Errorf("read what the container runtime holds: %w", err)
	}
	start := desired.Start{
		Found: found, Recorded: p.recorded(), Synced: p.k.synced, MirrorChanged: p.mirrors.Wake,
		Inspect: func(ctx context.Context, uid types.UID) (podstate.Observed, error) {
			return p.runtime.Inspect(ctx, uid, nil)
		},
	}
	if start.Leftover, err = p.leftover(ctx, found); err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	p.probes = probes.New(ctx, p.probeConfig())
	p.pool = worker.NewPool(ctx, p.poolConfig())
	p.k.set(p)
	defer p.k.set(nil)
	g.Go(func() error { return p.node.Run(ctx) })
	g.Go(func() error { p.runtime.Watch(ctx, p.touched); return nil })
	g.Go(func() error {
		p.k.desired.Run(ctx, p.pool, start)
		return nil
	})
	g.Go(func() error { return p.mirrors.Run(ctx) })
	g.Go(func() error { return p.eviction.Run(ctx) })
	g.Go(func() error { return p.followStatic(ctx) })
	g.Go(func() error { p.images.Collect(ctx, p.gcPolicy(), p.imagesInUse); return nil })
	g.Go(func() error { logs.Run(ctx, p.logConfig()); return nil })
	if p.server != nil {
		g.Go(func() error { return p.server.Run(ctx) })
	}
	if w, ok := p.objects.(interface{ Run(context.Context) }); ok {
		g.Go(func() error { w.Run(ctx); return nil })
	}
	err = g.Wait()
	p.pool.Wait()
	p.probes.Wait()
	return err
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
func (p *parts) touched(uid types.UID) {
	if !p.pool.Touch(uid) {
		p.k.desired.Stray(uid)
	}
}

func (p *parts) close(ctx context.Context) {
	p.events.stop()
	if err := errors.Join(p.runtimeAPI.Close(ctx), p.imageAPI.Close(ctx)); err != nil {
		klog.FromContext(ctx).V(2).Info("Connection to the container runtime did not close cleanly", "err", err)
	}
}

// Pods lists the pods of the node with their newest status.
func (p *parts) Pods() []*v1.Pod {
	snapshots := p.pool.Snapshots()
	list := make([]*v1.Pod, 0, len(snapshots))
	for _, s := range snapshots {
		if s.Pod.Spec.NodeName != "" {
			list = append(list, s.Pod)
		}
	}
	return list
}

// Pod returns the pod of that name; of two the one that is not ending.
func (p *parts) Pod(namespace, name string) (*v1.Pod, bool) {
	var found *v1.Pod
	for _, s := range p.pool.Snapshots() {
		if s.Pod.Namespace == namespace && s.Pod.Name == name && s.Pod.Spec.NodeName != "" && (found == nil || !s.Ending) {
			found = s.Pod
		}
	}
	return found, found != nil
}

// Instance gives the newest instance of a container as the runtime has it.
func (p *parts) Instance(uid types.UID, container string) (podstate.Container, bool) {
	s, ok := p.pool.Snapshot(uid)
	if !ok {
		return podstate.Container{}, false
	}
	latest := s.Observed.Latest(container)
	if latest == nil {
		return podstate.Container{}, false
	}
	return *latest, true
}

// imagesInUse are the images of all containers that exist, and those that pods of the node will need again or have mounted as
// volumes.
func (p *parts) imagesInUse(ctx context.Context) (map[string]bool, error) {
	list, err := p.runtimeAPI.ListContainers(ctx, nil)
	if err != nil {
		return nil, fmt.Errorf("list containers: %w", err)
	}
	used := map[string]bool{}
	for _, c := range list {
		used[c.ImageRef], used[c.ImageId], used[c.GetImage().GetImage()] = true, true, true
	}
	named := map[string]bool{}
	for _, s := range p.pool.Snapshots() {
		if !s.Stopped {
			nameImages(s.Pod, named)
		}
	}
	for name := range named {
		if !images.ValidName(name) {
			continue // it names nothing that could be on the node
		}
		answer, err := p.imageAPI.ImageStatus(ctx, &runtimeapi.ImageSpec{Image: name}, false)
		if err != nil {
			return nil, fmt.Errorf("look for image %q of a pod: %w", name, err)
		}
		if answer.GetImage() != nil {
			used[answer.Image.Id] = true
		}
	}
	return used, nil
}

// nameImages adds the images that the pod's containers and volumes name.
func nameImages(pod *v1.Pod, names map[string]bool) {
	for c := range pods.AllContainers(pod) {
		names[c.Image] = true
	}
	for i := range pod.Spec.Volumes {
		if image := pod.Spec.Volumes[i].Image; image != nil {
			names[image.Reference] = true
		}
	}
	delete(names, "")
}

// runningLogs are the logs of running containers.
func (p *parts) runningLogs() []logs.Log {
	var list []logs.Log
	for _, s := range p.pool.Snapshots() {
		for _, c := range s.Observed.Containers {
			if c.Phase == podstate.Running && c.LogPath != "" {
				list = append(list, logs.Log{ContainerID: c.ID, Path: c.LogPath})
			}
		}
	}
	return list
}
