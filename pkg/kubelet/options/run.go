package options

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apiserver/pkg/server/dynamiccertificates"
	"k8s.io/client-go/informers"
	coreinformers "k8s.io/client-go/informers/core/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	cliflag "k8s.io/component-base/cli/flag"

	"github.com/proa-sh/proa/pkg/component"
	"github.com/proa-sh/proa/pkg/kubelet"
	"github.com/proa-sh/proa/pkg/kubelet/identity"
	"github.com/proa-sh/proa/pkg/kubelet/manifests"
	"github.com/proa-sh/proa/pkg/kubelet/node"
	"github.com/proa-sh/proa/pkg/kubelet/server"
)

// Run runs a lone kubelet until ctx ends.
func (o *Options) Run(ctx context.Context) error {
	nodeName, err := o.nodeName()
	if err != nil {
		return err
	}
	nodeIPs, err := o.nodeIPs()
	if err != nil {
		return err
	}
	if *o.Kubelet.FailSwapOn {
		if err := withoutSwap("/proc/swaps"); err != nil {
			return err
		}
	}
	component.SetOOMScore(ctx, o.Kubelet.OOMScoreAdj)
	config, rotation, err := identity.Load(ctx, identity.Config{
		Kubeconfig: o.Kubeconfig, Bootstrap: o.BootstrapKubeconfig, Dir: o.CertDir, NodeName: nodeName, Rotate: o.Kubelet.RotateCertificates,
	})
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("make client: %w", err)
	}
	api, runners, err := o.api(client, nodeName, nodeIPs)
	if err != nil {
		return err
	}
	if rotation != nil {
		runners = append(runners, rotation.Run)
	}
	factory := Informers(client, nodeName)
	k, err := kubelet.New(kubelet.Config{
		NodeName: nodeName, Client: client, Informers: factory, WatchObjects: true, Kubelet: o.Kubelet, API: api,
		Root: o.RootDir, ContainerLogs: "/var/log/containers", NodeIPs: nodeIPs, NodeLabels: o.NodeLabels,
		Static: o.static(nodeName),
	})
	if err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	factory.StartWithContext(ctx)
	defer factory.Shutdown()
	for _, run := range append(runners, k.Run) {
		g.Go(func() error { return run(ctx) })
	}
	return g.Wait()
}

// Informers makes a factory whose pods and nodes are those of this node only, which is all that the node authorizer grants.
func Informers(client kubernetes.Interface, nodeName string) informers.SharedInformerFactory {
	factory := informers.NewSharedInformerFactory(client, 0)
	byNode := func(field string) func(*metav1.ListOptions) {
		return func(l *metav1.ListOptions) { l.FieldSelector = fields.OneTermEqualSelector(field, nodeName).String() }
	}
	index := cache.Indexers{cache.NamespaceIndex: cache.MetaNamespaceIndexFunc}
	// The factory hands out what was registered first for a type.
	factory.InformerFor(&v1.Pod{}, func(c kubernetes.Interface, resync time.Duration) cache.SharedIndexInformer {
		return coreinformers.NewFilteredPodInformer(c, metav1.NamespaceAll, resync, index, byNode("spec.nodeName"))
	})
	factory.InformerFor(&v1.Node{}, func(c kubernetes.Interface, resync time.Duration) cache.SharedIndexInformer {
		return coreinformers.NewFilteredNodeInformer(c, resync, index, byNode("metadata.name"))
	})
	return factory
}

// static follows the manifests of static pods, nil if there are to be none.
func (o *Options) static(nodeName string) func(context.Context, func([]*v1.Pod)) error {
	if o.Kubelet.StaticPodPath == "" {
		return nil
	}
	return manifests.Source{Path: o.Kubelet.StaticPodPath, NodeName: nodeName, Period: o.Kubelet.FileCheckFrequency.Duration}.Run
}

// runner is something that works until its context ends.
type runner = func(context.Context) error

// api is the kubelet's API as configured, nil for none, and what has to run for it.
func (o *Options) api(client kubernetes.Interface, nodeName string, ips []net.IP) (*server.Config, []runner, error) {
	c := o.Kubelet
	if !*c.EnableServer {
		return nil, nil, nil
	}
	get, runners, err := o.certificate(client, nodeName, ips)
	if err != nil {
		return nil, nil, err
	}
	// Validate has found that they can be read.
	version, err := cliflag.TLSVersion(c.TLSMinVersion)
	if err != nil {
		return nil, nil, fmt.Errorf("read tlsMinVersion: %w", err)
	}
	suites, err := cliflag.TLSCipherSuites(c.TLSCipherSuites)
	if err != nil {
		return nil, nil, fmt.Errorf("read tlsCipherSuites: %w", err)
	}
	api := &server.Config{TLS: server.NewTLS(get, version, suites), IdleTimeout: c.StreamingConnectionIdleTimeout.Duration}
	auth := server.AuthConfig{
		Client: client, Anonymous: *c.Authentication.Anonymous.Enabled, Webhook: *c.Authentication.Webhook.Enabled,
		WebhookTTL: c.Authentication.Webhook.CacheTTL.Duration, AlwaysAllow: c.Authorization.Mode == "AlwaysAllow",
		AllowTTL: c.Authorization.Webhook.CacheAuthorizedTTL.Duration, DenyTTL: c.Authorization.Webhook.CacheUnauthorizedTTL.Duration,
	}
	if file := c.Authentication.X509.ClientCAFile; file != "" {
		ca, err := dynamiccertificates.NewDynamicCAContentFromFile("client-ca", file)
		if err != nil {
			return nil, nil, fmt.Errorf("read authority of client certificates: %w", err)
		}
		auth.ClientCA = ca
		runners = append(runners, func(ctx context.Context) error { ca.Run(ctx, 1); return nil })
	}
	if api.Authenticator, api.Authorizer, err = server.NewAuth(auth); err != nil {
		return nil, nil, err
	}
	if api.Listener, err = listen(c.Address, c.Port); err != nil {
		return nil, nil, err
	}
	if *c.HealthzPort != 0 {
		if api.Healthz, err = listen(c.HealthzBindAddress, *c.HealthzPort); err != nil {
			return nil, nil, errors.Join(err, api.Listener.Close())
		}
	}
	return api, runners, nil
}

// certificate is what the API is served with: files, a certificate that the cluster signs, or one that is made here.
func (o *Options) certificate(client kubernetes.Interface, nodeName string, ips []net.IP) (server.GetCertificate, []runner, error) {
	c := o.Kubelet
	switch {
	case c.ServerTLSBootstrap:
		manager, err := server.NewRotating(server.RotationConfig{
			Client: client, NodeName: nodeName, Dir: o.CertDir, CertFile: c.TLSCertFile, KeyFile: c.TLSPrivateKeyFile,
			Addresses: func() []v1.NodeAddress {
				addresses, err := node.Addresses(nodeName, ips)
				if err != nil {
					return nil // the node's status tells the same fault
				}
				return addresses
			},
		})
		if err != nil {
			return nil, nil, err
		}
		rotate := func(ctx context.Context) error {
			manager.Start()
			<-ctx.Done()
			manager.Stop()
			return nil
		}
		return server.Rotating(manager), []runner{rotate}, nil
	case c.TLSCertFile != "":
		get, err := server.FileCertificate(c.TLSCertFile, c.TLSPrivateKeyFile)
		return get, nil, err
	}
	get, err := server.SelfSigned(o.CertDir, nodeName, ips)
	return get, nil, err
}

func listen(address string, port int32) (net.Listener, error) {
	l, err := net.Listen("tcp", net.JoinHostPort(address, strconv.Itoa(int(port))))
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	return l, nil
}
