package options

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/proa-sh/proa/pkg/component"
	"github.com/proa-sh/proa/pkg/proxy"
	"github.com/proa-sh/proa/pkg/proxy/conntrack"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/client-go/informers"
	coreinformers "k8s.io/client-go/informers/core/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
	"k8s.io/kube-proxy/config/v1alpha1"
	"sigs.k8s.io/yaml"
)

// Run does what the options ask for until ctx ends.
func (o *Options) Run(ctx context.Context) error {
	config, err := o.effective()
	if err != nil {
		return err
	}
	switch {
	case o.WriteConfigTo != "":
		return writeDefaults(o.WriteConfigTo)
	case o.Cleanup:
		return proxy.Cleanup(ctx)
	case o.InitOnly:
		return proxy.Prepare(conntrackSettings(config))
	}
	client, _, err := component.Client(o.Master, config.ClientConnection.Kubeconfig, "kube-proxy")
	if err != nil {
		return err
	}
	return run(ctx, config, client)
}

// run is Run with a client.
func run(ctx context.Context, config *v1alpha1.KubeProxyConfiguration, client kubernetes.Interface) error {
	component.SetOOMScore(ctx, config.OOMScoreAdj)
	wanted, err := ProxyConfig(config)
	if err != nil {
		return err
	}
	wanted.Informers = newInformers(client, wanted.NodeName)
	made, err := proxy.New(wanted)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	wanted.Informers.Start(ctx.Done())
	// It returns when the informers' goroutines have ended.
	defer wanted.Informers.Shutdown()
	defer cancel()

	var group sync.WaitGroup
	var metricsErr error
	if config.MetricsBindAddress != "" {
		group.Go(func() {
			metricsErr = serveMetrics(ctx, config, made)
			if metricsErr != nil {
				cancel()
			}
		})
	}
	err = made.Run(ctx)
	cancel()
	group.Wait()
	return errors.Join(err, metricsErr)
}

// serveMetrics serves what upstream has at its metrics address.
func serveMetrics(ctx context.Context, config *v1alpha1.KubeProxyConfiguration, made *proxy.Proxy) error {
	mux := http.NewServeMux()
	mux.Handle("/", component.Handler(ctx, made.Healthy, config.EnableProfiling))
	mux.HandleFunc("/proxyMode", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		// The client has gone if this fails.
		_, _ = w.Write([]byte(modeNFTables))
	})
	err := component.ServeInsecure(ctx, config.MetricsBindAddress, mux)
	if err != nil && !config.BindAddressHardFail {
		klog.FromContext(ctx).Error(err, "Could not serve metrics")
		return nil
	}
	return err
}

// newInformers watch what the proxy reads and no more: its own node only.
func newInformers(client kubernetes.Interface, nodeName string) informers.SharedInformerFactory {
	factory := informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithTransform(dropManagedFields))
	factory.InformerFor(&corev1.Node{}, func(client kubernetes.Interface, resync time.Duration) cache.SharedIndexInformer {
		return coreinformers.NewFilteredNodeInformer(client, resync, cache.Indexers{}, func(options *metav1.ListOptions) {
			options.FieldSelector = fields.OneTermEqualSelector("metadata.name", nodeName).String()
		})
	})
	return factory
}

func dropManagedFields(object any) (any, error) {
	if accessor, ok := object.(metav1.Object); ok {
		accessor.SetManagedFields(nil)
	}
	return object, nil
}

// ProxyConfig turns valid configuration values into the proxy's Config, without
// informers.
func ProxyConfig(c *v1alpha1.KubeProxyConfiguration) (proxy.Config, error) {
	result := proxy.Config{
		NodeName:            c.HostnameOverride,
		DetectLocalMode:     proxy.LocalMode(c.DetectLocalMode),
		BridgeInterface:     c.DetectLocal.BridgeInterface,
		InterfaceNamePrefix: c.DetectLocal.InterfaceNamePrefix,
		MasqueradeAll:       c.NFTables.MasqueradeAll,
		HealthzBindAddress:  c.HealthzBindAddress,
		BindAddressHardFail: c.BindAddressHardFail,
		CheckPeriod:         c.NFTables.SyncPeriod.Duration,
		Conntrack:           conntrackSettings(c),
	}
	if result.NodeName == "" {
		hostname, err := os.Hostname()
		if err != nil {
			return proxy.Config{}, fmt.Errorf("find node name: %w", err)
		}
		result.NodeName = hostname
	}
	// As node names are made from hostnames elsewhere.
	result.NodeName = strings.ToLower(strings.TrimSpace(result.NodeName))
	if addr, err := netip.ParseAddr(c.BindAddress); err == nil && !addr.IsUnspecified() {
		result.NodeIPs = []netip.Addr{addr.Unmap()}
	}
	var err error
	if len(c.NodePortAddresses) != 1 || c.NodePortAddresses[0] != primary {
		if result.NodePortAddresses, err = parsePrefixes(c.NodePortAddresses); err != nil {
			return proxy.Config{}, fmt.Errorf("read node port addresses: %w", err)
		}
	}
	if result.ClusterCIDRs, err = parsePrefixes(splitList(c.ClusterCIDR)); err != nil {
		return proxy.Config{}, fmt.Errorf("read cluster CIDR: %w", err)
	}
	return result, nil
}

func conntrackSettings(c *v1alpha1.KubeProxyConfiguration) conntrack.Settings {
	return conntrack.Settings{
		MaxPerCore:     int(*c.Conntrack.MaxPerCore),
		Min:            int(*c.Conntrack.Min),
		TCPEstablished: c.Conntrack.TCPEstablishedTimeout.Duration,
		TCPCloseWait:   c.Conntrack.TCPCloseWaitTimeout.Duration,
		UDP:            c.Conntrack.UDPTimeout.Duration,
		UDPStream:      c.Conntrack.UDPStreamTimeout.Duration,
		TCPBeLiberal:   c.Conntrack.TCPBeLiberal,
	}
}

func writeDefaults(path string) error {
	text, err := yaml.Marshal(NewOptions().Config)
	if err != nil {
		return fmt.Errorf("encode configuration: %w", err)
	}
	if err := os.WriteFile(path, text, 0o644); err != nil {
		return fmt.Errorf("write configuration: %w", err)
	}
	return nil
}
