package options

import (
	"context"
	"fmt"
	"os"
	"time"

	"golang.org/x/sync/errgroup"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	coreinformers "k8s.io/client-go/informers/core/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	configv1 "k8s.io/kube-scheduler/config/v1"

	"github.com/proa-sh/proa/pkg/component"
	"github.com/proa-sh/proa/pkg/scheduler"
	"github.com/proa-sh/proa/pkg/scheduler/config"
)

// Run runs a scheduler until ctx ends, or until it is not the leader any more, which is an error.
func (o *Options) Run(ctx context.Context) error {
	cfg, err := o.Configuration()
	if err != nil {
		return err
	}
	if o.WriteConfigTo != "" {
		return writeConfig(o.WriteConfigTo, cfg)
	}
	client, others, err := o.clients(cfg)
	if err != nil {
		return err
	}
	factory := newInformers(client)
	s, err := scheduler.New(scheduler.Config{
		Informers: factory, Client: client, EventClient: others, Configuration: cfg,
		MaxUnschedulable: o.PodMaxInUnschedulablePodsDuration,
	})
	if err != nil {
		return err
	}
	leading := make(chan struct{})
	defer factory.Shutdown()
	// The informers end after the scheduler.
	informing, stopInforming := context.WithCancel(context.WithoutCancel(ctx))
	defer stopInforming()
	if !cfg.DelayCacheUntilActive {
		factory.StartWithContext(informing)
	}
	election, serving := o.electionOf(cfg), o.servingOf(cfg)
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return serving.Run(ctx, healthyAfter(leading, s.Healthy)) })
	group.Go(func() error {
		// Nothing is left to serve after the scheduler.
		defer stop()
		return election.Run(ctx, others, func(ctx context.Context) error {
			close(leading)
			factory.StartWithContext(informing)
			return s.Run(ctx)
		})
	})
	return group.Wait()
}

// healthyAfter asks about health only once it leads: a scheduler that waits to be leader is healthy without having synced.
func healthyAfter(leading <-chan struct{}, healthy func() error) func() error {
	return func() error {
		select {
		case <-leading:
			return healthy()
		default:
			return nil
		}
	}
}

func writeConfig(path string, cfg *configv1.KubeSchedulerConfiguration) error {
	data, err := config.Marshal(cfg)
	if err != nil {
		return fmt.Errorf("write scheduler configuration: %w", err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		return fmt.Errorf("write scheduler configuration: %w", err)
	}
	return nil
}

// clients are one for scheduling, with the configured limits, and one for events and leader election, which the first
// must not hold up.
func (o *Options) clients(cfg *configv1.KubeSchedulerConfiguration) (client, others kubernetes.Interface, err error) {
	c := &cfg.ClientConnection
	restConfig, err := component.ClientConfig(o.Master, c.Kubeconfig, "scheduler")
	if err != nil {
		return nil, nil, err
	}
	restConfig.ContentType, restConfig.AcceptContentTypes = c.ContentType, c.AcceptContentTypes
	if others, err = kubernetes.NewForConfig(rest.CopyConfig(restConfig)); err != nil {
		return nil, nil, fmt.Errorf("make client: %w", err)
	}
	restConfig.QPS, restConfig.Burst = c.QPS, int(c.Burst)
	if client, err = kubernetes.NewForConfig(restConfig); err != nil {
		return nil, nil, fmt.Errorf("make client: %w", err)
	}
	return client, others, nil
}

// newInformers makes informers that keep no managed fields, nor pods that have ended.
func newInformers(client kubernetes.Interface) informers.SharedInformerFactory {
	factory := informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithTransform(withoutManagedFields))
	factory.InformerFor(&v1.Pod{}, func(client kubernetes.Interface, resync time.Duration) cache.SharedIndexInformer {
		return coreinformers.NewFilteredPodInformer(client, metav1.NamespaceAll, resync,
			cache.Indexers{cache.NamespaceIndex: cache.MetaNamespaceIndexFunc},
			func(options *metav1.ListOptions) {
				options.FieldSelector = "status.phase!=Succeeded,status.phase!=Failed"
			})
	})
	return factory
}

func withoutManagedFields(obj any) (any, error) {
	if accessor, err := meta.Accessor(obj); err == nil {
		accessor.SetManagedFields(nil)
	}
	return obj, nil
}
