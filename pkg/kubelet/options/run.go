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

	"github.com/proa-sh/proa/pkg/component"
	"github.com/proa-sh/proa/pkg/kubelet"
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
	client, _, err := component.Client("", o.Kubeconfig, "kubelet")
	if err != nil {
		return err
	}
	api, ca, err := o.api(client, nodeName, nodeIPs)
	if err != nil {
		return err
	}
	factory := Informers(client, nodeName)
	k, err := kubelet.New(kubelet.Config{
		NodeName: nodeName, Client: client, Informers: factory, WatchObjects: true, Kubelet: o.Kubelet, API: api,
		Root: o.RootDir, ContainerLogs: "/var/log/containers", NodeIPs: nodeIPs, NodeLabels: o.NodeLabels,
	})
	if err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	factory.StartWithContext(ctx)
	defer factory.Shutdown()
	if ca != nil {
		g.Go(func() error { ca.Run(ctx, 1); return nil })
	}
	g.Go(func() error { return k.Run(ctx) })
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

// api is the kubelet's API as configured, nil for none. The authority of client certificates has to be run.
func (o *Options) api(client kubernetes.Interface, nodeName string, ips []net.IP) (*server.Config, dynamiccertificates.ControllerRunner, error) {
	c := o.Kubelet
	if !*c.EnableServer {
		return nil, nil, nil
	}
	var get server.GetCertificate
	var err error
	if c.TLSCertFile != "" {
		get, err = server.FileCertificate(c.TLSCertFile, c.TLSPrivateKeyFile)
	} else {
		get, err = server.SelfSigned(o.CertDir, nodeName, ips)
	}
	if err != nil {
		return nil, nil, err
	}
	auth := server.AuthConfig{
		Client: client, Anonymous: *c.Authentication.Anonymous.Enabled, Webhook: *c.Authentication.Webhook.Enabled,
		WebhookTTL: c.Authentication.Webhook.CacheTTL.Duration, AlwaysAllow: c.Authorization.Mode == "AlwaysAllow",
		AllowTTL: c.Authorization.Webhook.CacheAuthorizedTTL.Duration, DenyTTL: c.Authorization.Webhook.CacheUnauthorizedTTL.Duration,
	}
	var ca *dynamiccertificates.DynamicFileCAContent
	if file := c.Authentication.X509.ClientCAFile; file != "" {
		if ca, err = dynamiccertificates.NewDynamicCAContentFromFile("client-ca", file); err != nil {
			return nil, nil, fmt.Errorf("read authority of client certificates: %w", err)
		}
		auth.ClientCA = ca
	}
	api := &server.Config{TLS: server.NewTLS(get, 0, nil)}
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
	if ca == nil {
		return api, nil, nil
	}
	return api, ca, nil
}

func listen(address string, port int32) (net.Listener, error) {
	l, err := net.Listen("tcp", net.JoinHostPort(address, strconv.Itoa(int(port))))
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	return l, nil
}
