package cluster

import (
	"context"
	"fmt"
	"net"
	"time"

	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/proa-sh/proa/pkg/apiserver"
	"github.com/proa-sh/proa/pkg/cluster/controlplane"
	"github.com/proa-sh/proa/pkg/cluster/node"
	"github.com/proa-sh/proa/pkg/cluster/program"
	"github.com/proa-sh/proa/pkg/cluster/steps"
	"github.com/proa-sh/proa/pkg/component"
)

// startAPIServer serves the API and returns when everything that a cluster starts with exists.
func (p *parts) startAPIServer(ctx context.Context, task *steps.Task) error {
	p.informing = ctx
	if p.env.Config.Programs[controlplane.APIServerProgram] != "" {
		return p.runAPIServer(ctx, task)
	}
	options, err := controlplane.Options(p.controlPlane())
	if err != nil {
		return err
	}
	if p.server, err = apiserver.New(ctx, options); err != nil {
		return err
	}
	p.informers = p.server.Informers()
	task.Go(p.server.Run)
	if err := p.checkAPIServer(); err != nil {
		return err
	}
	if err := p.nodeAPI(); err != nil {
		return err
	}
	return p.server.WaitReady(ctx)
}

// controlPlane is the set-up of the API server, be it in this process or a program.
func (p *parts) controlPlane() controlplane.Config {
	c := p.env.Config
	return controlplane.Config{
		Certificates: p.env.PKI, Etcd: p.env.Etcd.Endpoint(), Address: c.NodeIP.AsSlice(), BindAddress: net.IPv4zero, Port: c.APIPort,
		ServiceRange: c.ServiceCIDR.String(), Domain: c.DNSDomain,
	}
}

func (p *parts) checkAPIServer() error {
	client, err := p.client("system:proa:health", user.SystemPrivilegedGroup)
	if err != nil {
		return err
	}
	p.env.Check(StepAPIServer, func(ctx context.Context) error { return readyz(ctx, client) })
	return nil
}

func readyz(ctx context.Context, client kubernetes.Interface) error {
	return client.Discovery().RESTClient().Get().AbsPath("/readyz").Do(ctx).Error()
}

// nodeAPI lets the parts of the first node use the server in this process. Clients of its kubelet are known to the server, so
// nobody has to be asked over the network.
func (p *parts) nodeAPI() error {
	client, err := p.client("system:node:"+p.env.Config.NodeName, user.NodesGroup)
	if err != nil {
		return err
	}
	p.env.Node.API = &node.API{
		Client: client, Informers: p.informers, Start: p.startInformers,
		Authenticator: p.server.Authenticator(), Authorizer: p.server.Authorizer(),
	}
	return nil
}

// runAPIServer has a program serve the API. Everything in this process then reaches it over the network: the parts of the first
// node as those of other nodes do, the others in the name of whom they are.
func (p *parts) runAPIServer(ctx context.Context, task *steps.Task) error {
	var err error
	if p.remote, err = component.ClientConfig("", p.env.Config.AdminKubeconfig(), "proa"); err != nil {
		return err
	}
	client, err := p.client("system:proa:informers", user.SystemPrivilegedGroup)
	if err != nil {
		return err
	}
	factory := informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithTransform(node.WithoutManagedFields))
	p.informers = factory
	api, waitNode, err := node.Remote(ctx, p.env.Config.Node())
	if err != nil {
		return err
	}
	p.env.Node.API = api
	task.Go(func(ctx context.Context) error {
		<-ctx.Done()
		factory.Shutdown()
		waitNode()
		return nil
	})
	err = p.runProgram(ctx, task, StepAPIServer, controlplane.APIServerProgram, controlplane.APIServerFlags(p.controlPlane()),
		func(ctx context.Context) error { return awaitReadyz(ctx, client) })
	if err != nil {
		return err
	}
	return p.checkAPIServer()
}

// readyPause is how often a program is asked whether it is ready, which it says in no other way.
const readyPause = 50 * time.Millisecond

func awaitReadyz(ctx context.Context, client kubernetes.Interface) error {
	pause := time.NewTicker(readyPause)
	defer pause.Stop()
	for {
		err := readyz(ctx, client)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-pause.C:
		}
	}
}

// runProgram has a program stand in place of a part. serving returns when it serves; nil means that it does when it runs.
func (p *parts) runProgram(ctx context.Context, task *steps.Task, step, name string, args []string, serving func(context.Context) error) error {
	c := p.env.Config
	cfg := program.Config{Path: c.Programs[name], Args: args, LogFile: c.Node().ProgramLog(name), Mark: c.Node().Mark}
	if serving != nil {
		cfg.Serving = func() ([]string, func(context.Context) error, error) { return nil, serving, nil }
	}
	return p.env.RunProgram(ctx, task, step, cfg)
}

// startInformers runs those that were asked for.
func (p *parts) startInformers() { p.informers.StartWithContext(p.informing) }

// connection is how a component in this process reaches the API server as that user.
func (p *parts) connection(u *user.DefaultInfo) *rest.Config {
	if p.server != nil {
		return p.server.ClientConfig(u)
	}
	config := rest.CopyConfig(p.remote)
	config.Impersonate = rest.ImpersonationConfig{UserName: u.Name, Groups: u.Groups}
	return config
}

// client returns a client of a component in this process.
func (p *parts) client(name string, groups ...string) (kubernetes.Interface, error) {
	u := &user.DefaultInfo{Name: name, Groups: append(groups, user.AllAuthenticated)}
	client, err := kubernetes.NewForConfig(rest.AddUserAgent(p.connection(u), name))
	if err != nil {
		return nil, fmt.Errorf("make client of %s: %w", name, err)
	}
	return client, nil
}
