package cluster

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"

	"k8s.io/apiserver/pkg/authentication/serviceaccount"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/proa-sh/proa/pkg/apiserver"
	"github.com/proa-sh/proa/pkg/cluster/controlplane"
	"github.com/proa-sh/proa/pkg/cluster/pki"
	"github.com/proa-sh/proa/pkg/cluster/steps"
	"github.com/proa-sh/proa/pkg/controllermanager"
	"github.com/proa-sh/proa/pkg/controllers"
	"github.com/proa-sh/proa/pkg/kubelet"
	kubeletoptions "github.com/proa-sh/proa/pkg/kubelet/options"
	"github.com/proa-sh/proa/pkg/kubelet/resources"
	"github.com/proa-sh/proa/pkg/kubelet/server"
	"github.com/proa-sh/proa/pkg/network"
	"github.com/proa-sh/proa/pkg/proxy"
	"github.com/proa-sh/proa/pkg/proxy/nftables"
	"github.com/proa-sh/proa/pkg/scheduler"
)

// The steps of Kubernetes itself.
const (
	StepAPIServer   = "api-server"
	StepControllers = "controllers"
	StepScheduler   = "scheduler"
	StepProxy       = "service-proxy"
	StepNetwork     = "pod-network"
	StepKubelet     = "kubelet"
	StepNode        = "node"
	StepDNS         = "cluster-dns"
)

// Components lists the parts of Kubernetes that run in this process, each after the steps it needs.
func Components(e *Environment) []steps.Step {
	c := &parts{env: e}
	return []steps.Step{
		{Name: StepAPIServer, After: []string{StepCertificates, StepEtcdSocket}, Start: c.startAPIServer},
		{Name: StepControllers, After: []string{StepAPIServer}, Start: c.startControllers},
		{Name: StepScheduler, After: []string{StepAPIServer}, Start: c.startScheduler},
		{Name: StepProxy, After: []string{StepAPIServer}, Start: c.startProxy},
		{Name: StepNetwork, After: []string{StepAPIServer}, Start: c.startNetwork},
		{Name: StepKubelet, After: []string{StepAPIServer, StepContainerd}, Start: c.startKubelet},
		{Name: StepNode, After: []string{StepKubelet, StepNetwork, StepControllers, StepPauseImage}, Start: c.awaitNode},
		{Name: StepDNS, After: []string{StepNode, StepDNSImage, StepScheduler, StepProxy}, Start: c.startDNS},
	}
}

// parts are what the components share.
type parts struct {
	env       *Environment
	server    *apiserver.Server
	informers informers.SharedInformerFactory
	// informing is the life of the informers, which is the API server's: it outlives those who use them.
	informing context.Context
}

// startAPIServer serves the API and returns when everything that a cluster starts with exists.
func (p *parts) startAPIServer(ctx context.Context, task *steps.Task) error {
	c := p.env.Config
	var err error
	p.server, err = apiserver.New(ctx, controlplane.Options(controlplane.Config{
		Certificates: p.env.PKI, Etcd: p.env.Etcd.Endpoint(), Address: c.NodeIP.AsSlice(), BindAddress: net.IPv4zero, Port: c.APIPort,
		ServiceRange: c.ServiceCIDR.String(), Domain: c.DNSDomain,
	}))
	if err != nil {
		return err
	}
	p.informers, p.informing = p.server.Informers(), ctx
	task.Go(p.server.Run)
	client, err := p.client("system:proa:health", user.SystemPrivilegedGroup)
	if err != nil {
		return err
	}
	p.env.Check(StepAPIServer, func(ctx context.Context) error {
		return client.Discovery().RESTClient().Get().AbsPath("/readyz").Do(ctx).Error()
	})
	return p.server.WaitReady(ctx)
}

// client returns a client of a component in this process.
func (p *parts) client(name string, groups ...string) (kubernetes.Interface, error) {
	u := &user.DefaultInfo{Name: name, Groups: append(groups, user.AllAuthenticated)}
	client, err := kubernetes.NewForConfig(rest.AddUserAgent(p.server.ClientConfig(u), name))
	if err != nil {
		return nil, fmt.Errorf("make client of %s: %w", name, err)
	}
	return client, nil
}

// component is a part of Kubernetes.
type component interface {
	Run(context.Context) error
	Healthy() error
}

// run starts the informers that a component has asked for, and then the component.
func (p *parts) run(task *steps.Task, step string, c component) {
	p.informers.StartWithContext(p.informing)
	p.env.Check(step, func(context.Context) error { return c.Healthy() })
	task.Go(c.Run)
}

func (p *parts) startControllers(_ context.Context, task *steps.Task) error {
	settings, err := p.controllerSettings()
	if err != nil {
		return err
	}
	manager, err := controllermanager.New(controllermanager.Config{
		Informers: p.informers, ClientFor: p.serviceAccount, Controllers: []string{"*"}, Settings: settings})
	if err != nil {
		return err
	}
	p.run(task, StepControllers, manager)
	return nil
}

// serviceAccount returns the connection of a controller's service account in namespace kube-system.
func (p *parts) serviceAccount(name string) *rest.Config {
	return p.server.ClientConfig(&user.DefaultInfo{
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

func (p *parts) startProxy(ctx context.Context, task *steps.Task) error {
	c := p.env.Config
	for _, family := range []string{"ip", "ip6"} {
		if err := p.env.Ledger.NftTable(family, nftables.TableName); err != nil {
			return err
		}
	}
	made, err := proxy.New(proxy.Config{Informers: p.informers, NodeName: c.NodeName, NodeIPs: []netip.Addr{c.NodeIP},
		DetectLocalMode: proxy.LocalModeClusterCIDR, ClusterCIDRs: []netip.Prefix{c.PodCIDR}, HealthzBindAddress: net.JoinHostPort("0.0.0.0", strconv.Itoa(c.ProxyHealthPort))})
	if err != nil {
		return err
	}
	p.run(task, StepProxy, made)
	return nil
}

func (p *parts) startNetwork(ctx context.Context, task *steps.Task) error {
	c := p.env.Config
	n, err := network.New(network.Config{Informers: p.informers, NodeName: c.NodeName, Ledger: p.env.Ledger, ConfDir: c.CNIConfDir(), IPAMDir: c.CNIDataDir(),
		BridgeName: c.bridge(), ClusterCIDRs: []netip.Prefix{c.PodCIDR}})
	if err != nil {
		return err
	}
	p.run(task, StepNetwork, n)
	return nil
}

func (p *parts) startKubelet(ctx context.Context, task *steps.Task) error {
	c := p.env.Config
	client, err := p.client("system:node:"+c.NodeName, user.NodesGroup)
	if err != nil {
		return err
	}
	configuration := kubeletoptions.Default()
	configuration.Port = int32(c.KubeletPort)
	configuration.ContainerRuntimeEndpoint = p.env.Containerd.Config().Endpoint()
	configuration.ClusterDNS = []string{c.DNSServiceIP().String()}
	configuration.ClusterDomain = c.DNSDomain
	configuration.PodLogsDir = c.PodLogsDir()
	configuration.CgroupRoot = c.CgroupRoot()
	// Version 1 is what many machines still have, and all that the kubelet needs of it works.
	configuration.FailCgroupV1 = new(bool)
	if err := makeCgroupRoot(c.CgroupRoot()); err != nil {
		return err
	}
	api, err := p.kubeletAPI(int(configuration.Port))
	if err != nil {
		return err
	}
	k, err := kubelet.New(kubelet.Config{
		NodeName: c.NodeName, Client: client, Informers: p.informers, Kubelet: configuration, Root: c.KubeletDir(),
		NodeIPs: []net.IP{c.NodeIP.AsSlice()}, API: api,
	})
	if err != nil {
		return err
	}
	p.run(task, StepKubelet, k)
	return nil
}

// makeCgroupRoot makes the cgroup of a cluster that is not the only one on the machine; the ledger knows of it.
func makeCgroupRoot(path string) error {
	if path == "/" {
		return nil
	}
	cgroups, err := resources.Detect()
	if err != nil {
		return err
	}
	return resources.MakeRoot(cgroups, path)
}

// kubeletAPI listens for the kubelet. Clients are known to the API server in this process, so nobody has to be asked over
// the network.
func (p *parts) kubeletAPI(port int) (*server.Config, error) {
	certificate, err := tls.LoadX509KeyPair(p.env.PKI.Cert(pki.KubeletServer), p.env.PKI.Key(pki.KubeletServer))
	if err != nil {
		return nil, fmt.Errorf("read kubelet's serving certificate: %w", err)
	}
	listener, err := net.Listen("tcp", net.JoinHostPort("", strconv.Itoa(port)))
	if err != nil {
		return nil, fmt.Errorf("serve kubelet API: %w", err)
	}
	return &server.Config{
		Listener: listener,
		// Certificates are verified by the authenticator.
		TLS:           &tls.Config{Certificates: []tls.Certificate{certificate}, ClientAuth: tls.RequestClientCert, MinVersion: tls.VersionTLS12},
		Authenticator: p.server.Authenticator(),
		Authorizer:    p.server.Authorizer(),
		Streaming:     true,
	}, nil
}
