package options

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/controller-manager/pkg/clientbuilder"

	"github.com/proa-sh/proa/pkg/component"
	"github.com/proa-sh/proa/pkg/controllermanager"
	"github.com/proa-sh/proa/pkg/controllers"
)

// Run runs the controllers until ctx ends, or until this instance is not the leader any more, which is an error.
func (o *Options) Run(ctx context.Context) error {
	settings, err := o.Settings()
	if err != nil {
		return err
	}
	client, connection, err := component.Client(o.Master, o.Kubeconfig, "kube-controller-manager")
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	// One that waits to be leader is healthy.
	leading := make(chan *controllermanager.Manager, 1)
	healthy := func() error {
		select {
		case made := <-leading:
			leading <- made
			return made.Healthy()
		default:
			return nil
		}
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return o.Serving.Run(ctx, healthy) })
	group.Go(func() error {
		defer stop() // nothing is left to serve after the controllers
		return o.Election.Run(ctx, client, func(ctx context.Context) error {
			clientFor, err := o.identities(client, connection)
			if err != nil {
				return err
			}
			factory := informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithTransform(withoutManagedFields))
			manager, err := controllermanager.New(controllermanager.Config{
				Informers: factory, ClientFor: clientFor, Controllers: o.Controllers, Settings: settings,
			})
			if err != nil {
				return err
			}
			leading <- manager
			// The informers end after the controllers.
			informing, stopInforming := context.WithCancel(context.WithoutCancel(ctx))
			defer factory.Shutdown()
			defer stopInforming()
			factory.StartWithContext(informing)
			return manager.Run(ctx)
		})
	})
	return group.Wait()
}

// identities makes the connections of the controllers' service accounts.
func (o *Options) identities(client kubernetes.Interface, connection *rest.Config) (func(string) *rest.Config, error) {
	if !o.UseServiceAccountCredentials {
		return func(string) *rest.Config { return connection }, nil
	}
	builder := clientbuilder.NewDynamicClientBuilder(rest.AnonymousClientConfig(connection), client.CoreV1(), "kube-system")
	made := map[string]*rest.Config{"": connection}
	for _, entry := range controllers.All() {
		if made[entry.Identity] != nil {
			continue
		}
		one, err := builder.Config(entry.Identity)
		if err != nil {
			return nil, fmt.Errorf("make connection of service account %q: %w", entry.Identity, err)
		}
		one.QPS = -1
		made[entry.Identity] = one
	}
	return func(account string) *rest.Config { return made[account] }, nil
}

// withoutManagedFields drops what no controller reads, before objects are cached.
func withoutManagedFields(item any) (any, error) {
	if object, err := meta.Accessor(item); err == nil {
		object.SetManagedFields(nil)
	}
	return item, nil
}
