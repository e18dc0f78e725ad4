package kubelet

import (
	"context"
	"fmt"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	corelisters "k8s.io/client-go/listers/core/v1"
	nodelisters "k8s.io/client-go/listers/node/v1"
	"k8s.io/client-go/tools/cache"

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

// caches hold what of the API the kubelet follows beside its pods.
type caches struct {
	objects  objectSource
	services corelisters.ServiceLister
	nodes    corelisters.NodeLister
	classes  nodelisters.RuntimeClassLister
	// synced tell when the informers have everything.
	synced []cache.DoneChecker
	// keep works until its context ends.
	keep func(context.Context)
}

// newCaches listens to informers. Pods hear by the registry of objects that they name.
func newCaches(cfg *Config, registry *worker.Registry) (*caches, error) {
	core, classes := cfg.Informers.Core().V1(), cfg.Informers.Node().V1().RuntimeClasses()
	c := caches{
		services: core.Services().Lister(), nodes: core.Nodes().Lister(), classes: classes.Lister(),
		synced: []cache.DoneChecker{
			core.Services().Informer().HasSyncedChecker(), core.Nodes().Informer().HasSyncedChecker(), classes.Informer().HasSyncedChecker(),
		},
		keep: func(context.Context) {},
	}
	changed := func(kind objects.Kind, namespace, name string) { refresh(registry, kind, namespace, name) }
	if cfg.WatchObjects {
		watcher := objects.NewWatcher(cfg.Client, changed)
		c.objects, c.keep = watcher, watcher.Run
		return &c, nil
	}
	lister, err := objects.NewLister(cfg.Informers, cfg.Client, changed)
	if err != nil {
		return nil, err
	}
	c.objects, c.synced = lister, append(c.synced, lister.Synced()...)
	return &c, nil
}

// refresh brings the volumes of pods that name the object up to date, and lets them try again what failed for want of it.
func refresh(registry *worker.Registry, kind objects.Kind, namespace, name string) {
	for _, s := range registry.Snapshots() {
		if s.Pod.Namespace == namespace && !s.Ending && objects.Names(s.Pod, kind, name) {
			registry.Refresh(s.Pod.UID)
		}
	}
}

// servicesFor are those whose variables a pod of the namespace may see.
func (c *caches) servicesFor(namespace string) ([]*v1.Service, error) {
	list, err := c.services.Services(namespace).List(labels.Everything())
	if err != nil || namespace == metav1.NamespaceDefault {
		return list, err
	}
	common, err := c.services.Services(metav1.NamespaceDefault).List(labels.Everything())
	return append(list, common...), err
}

// handlerOf is the runtime handler of the pod's class.
func (c *caches) handlerOf(pod *v1.Pod) (string, error) {
	if pod.Spec.RuntimeClassName == nil || *pod.Spec.RuntimeClassName == "" {
		return "", nil
	}
	class, err := c.classes.Get(*pod.Spec.RuntimeClassName)
	if err != nil {
		return "", fmt.Errorf("failed to get RuntimeClass %q: %w", *pod.Spec.RuntimeClassName, err)
	}
	return class.Handler, nil
}
