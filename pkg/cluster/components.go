package cluster

import (
	"context"
	"fmt"
	"net/netip"
	"os"

	"k8s.io/apiserver/pkg/authentication/serviceaccount"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/rest"

	"github.com/proa-sh/proa/pkg/apiserver"
	"github.com/proa-sh/proa/pkg/cluster/controlplane"
	"github.com/proa-sh/proa/pkg/cluster/node"
	"github.com/proa-sh/proa/pkg/cluster/pki"
	"github.com/proa-sh/proa/pkg/cluster/steps"
	"github.com/proa-sh/proa/pkg/controllermanager"
	"github.com/proa-sh/proa/pkg/controllers"
	"github.com/proa-sh/proa/pkg/scheduler"
)

// The steps of Kubernetes itself, beside those of a node.
const (
	StepAPIServer   = "api-server"
	StepControllers = "controllers"
	StepScheduler   = "scheduler"
	StepNode        = "node"
	StepNodes       = "nodes"
	StepDNS         = "cluster-dns"
)

// Components lists the parts of Kubernetes, each after the steps it needs.
func Components(e *Environment) []steps.Step {
	c := &parts{env: e}
	c.fleet = newFleet(c, e.records)
	e.Nodes, e.certifyNodes = c.fleet, c.fleet.certify
	list := []steps.Step{
		{Name: StepAPIServer, After: []string{StepCertificates, StepEtcdSocket}, Start: c.startAPIServer},
		{Name: StepControllers, After: []string{StepAPIServer}, Start: c.startControllers},
		{Name: StepScheduler, After: []string{StepAPIServer}, Start: c.startScheduler},
		{Name: StepNode, After: []string{node.StepKubelet, node.StepNetwork, StepControllers, node.StepPauseImage}, Start: c.awaitNode},
		{Name: StepNodes, After: []string{StepCertificates}, Start: c.fleet.start, Stop: c.fleet.stop, StopWithin: stopNodesWithin},
		{Name: StepDNS, After: []string{StepNode, node.StepDNSImage, StepScheduler, node.StepProxy}, Start: c.startDNS},
	}
	for _, m := range c.fleet.all() {
		list = append(list, steps.Step{Name: m.step(), After: []string{StepNodes, StepControllers}, Start: m.awaitFirst})
	}
	return append(list, e.Node.Components(StepAPIServer)...)
}

// parts are what the components share.
type parts struct {
	env *Environment
	// server is the API server in this process, or nil; then remote says how to reach the one that is a program.
	server    *apiserver.Server
	remote    *rest.Config
	informers informers.SharedInformerFactory
	// informing is the life of the informers, which is the API server's: it outlives those who use them.
	informing context.Context
	// fleet are the further nodes.
	fleet *fleet
}

// part is a part of Kubernetes.
type part interface {
	Run(context.Context) error
	Healthy() error
}

// run starts the informers that a component has asked for, and then the component.
func (p *parts) run(task *steps.Task, step string, c part) {
	p.startInformers()
	p.env.Check(step, func(context.Context) error { return c.Healthy() })
	task.Go(c.Run)
}

func (p *parts) startControllers(ctx context.Context, task *steps.Task) error {
	c := p.env.Config
	if c.Programs[controlplane.ControllerManagerProgram] != "" {
		// Its namesake makes it for volume plugins of an old kind.
		if err := p.env.Ledger.Dir("/usr/libexec/kubernetes"); err != nil {
			return err
		}
		kubeconfig := c.Kubeconfig(pki.ControllerManager)
		return p.runProgram(ctx, task, StepControllers, controlplane.ControllerManagerProgram,
			controlplane.ControllerManagerFlags(p.controlPlane(), kubeconfig, c.PodCIDR.String()), nil)
	}
	settings, err := p.controllerSettings()
	if err != nil {
		return err
	}
	manager, err := controllermanager.New(controllermanager.Config{
		Informers: p.informers, ClientFor: p.serviceAccount, Controllers: p.env.selection(), Settings: settings})
	if err != nil {
		return err
	}
	p.run(task, StepControllers, manager)
	return nil
}

// serviceAccount returns the connection of a controller's service account in namespace kube-system, or with "" that of all
// controllers together.
func (p *parts) serviceAccount(name string) *rest.Config {
	if name == "" {
		return p.connection(&user.DefaultInfo{Name: user.KubeControllerManager, Groups: []string{user.AllAuthenticated}})
	}
	return p.connection(&user.DefaultInfo{
		Name:   serviceaccount.MakeUsername("kube-system", name),
		Groups: append(serviceaccount.MakeGroupNames("kube-system"), user.AllAuthenticated),
	})
}

func (p *parts) controllerSettings() (controllers.Settings, error) {
	c, s := p.env.Config, controllers.DefaultSettings()
	ca, err := os.ReadFile(p.env.PKI.Cert(pki.CA))
	if err != nil {
		return s, fmt.Errorf("read cluster CA: %w", err)
	}
	key, err := os.ReadFile(p.env.PKI.Key(pki.CA))
	if err != nil {
		return s, fmt.Errorf("read cluster CA's key: %w", err)
	}
	s.RootCA = ca
	if s.ServiceAccountKey, err = os.ReadFile(p.env.PKI.ServiceAccountKey()); err != nil {
		return s, fmt.Errorf("read key of service account tokens: %w", err)
	}
	s.ClusterCIDRs, s.ServiceCIDRs, s.AllocateNodeCIDRs = []netip.Prefix{c.PodCIDR}, []netip.Prefix{c.ServiceCIDR}, true
	s.Signing = map[string]controllers.Authority{}
	for _, signer := range []string{
		"kubernetes.io/kube-apiserver-client", "kubernetes.io/kube-apiserver-client-kubelet", "kubernetes.io/kubelet-serving", "kubernetes.io/legacy-unknown",
	} {
		s.Signing[signer] = controllers.Authority{CertPEM: ca, KeyPEM: key}
	}
	return s, nil
}

func (p *parts) startScheduler(ctx context.Context, task *steps.Task) error {
	if p.env.Config.Programs[controlplane.SchedulerProgram] != "" {
		flags := controlplane.SchedulerFlags(p.env.Config.Kubeconfig(pki.Scheduler))
		return p.runProgram(ctx, task, StepScheduler, controlplane.SchedulerProgram, flags, nil)
	}
	client, err := p.client(user.KubeScheduler)
	if err != nil {
		return err
	}
	s, err := scheduler.New(scheduler.Config{Informers: p.informers, Client: client})
	if err != nil {
		return err
	}
	p.run(task, StepScheduler, s)
	return nil
}
