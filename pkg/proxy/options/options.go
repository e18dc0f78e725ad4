package options

import (
	"fmt"
	"os"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	cliflag "k8s.io/component-base/cli/flag"
	"k8s.io/kube-proxy/config/v1alpha1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/yaml"
)

// modeNFTables is the only mode there is.
const modeNFTables v1alpha1.ProxyMode = "nftables"

// The values of DetectLocalMode, which the published package does not name.
const (
	localModeClusterCIDR         v1alpha1.LocalMode = "ClusterCIDR"
	localModeNodeCIDR            v1alpha1.LocalMode = "NodeCIDR"
	localModeBridgeInterface     v1alpha1.LocalMode = "BridgeInterface"
	localModeInterfaceNamePrefix v1alpha1.LocalMode = "InterfaceNamePrefix"
)

// Options are what a user can choose.
type Options struct {
	// Config holds the values of flags until the file replaces them.
	Config v1alpha1.KubeProxyConfiguration
	// ConfigFile is the path of a configuration file; empty: none.
	ConfigFile string
	// Master overrides the API server's address of the kubeconfig file.
	Master string
	// Cleanup removes all rules and ends; InitOnly only makes kernel settings.
	Cleanup, InitOnly bool
	// WriteConfigTo is a file to write the defaults to, and end.
	WriteConfigTo string
	// HostnameOverride of the flag wins over the file's.
	HostnameOverride string
}

// NewOptions returns upstream's defaults.
func NewOptions() *Options {
	return &Options{Config: v1alpha1.KubeProxyConfiguration{
		TypeMeta:           metav1.TypeMeta{APIVersion: v1alpha1.SchemeGroupVersion.String(), Kind: "KubeProxyConfiguration"},
		BindAddress:        "0.0.0.0",
		HealthzBindAddress: "0.0.0.0:10256",
		MetricsBindAddress: "127.0.0.1:10249",
		Mode:               modeNFTables,
		DetectLocalMode:    localModeClusterCIDR,
		OOMScoreAdj:        ptr.To[int32](-999),
		Conntrack: v1alpha1.KubeProxyConntrackConfiguration{
			MaxPerCore:            ptr.To[int32](32 * 1024),
			Min:                   ptr.To[int32](128 * 1024),
			TCPEstablishedTimeout: &metav1.Duration{Duration: 24 * time.Hour},
			TCPCloseWaitTimeout:   &metav1.Duration{Duration: time.Hour},
		},
	}}
}

// AddFlags adds the flags in sections.
func (o *Options) AddFlags(sections *cliflag.NamedFlagSets) {
	c := &o.Config
	fs := sections.FlagSet("generic")
	fs.StringVar(&o.ConfigFile, "config", o.ConfigFile, "The path to the configuration file. It takes the place of the flags that set the same.")
	fs.StringVar(&o.WriteConfigTo, "write-config-to", o.WriteConfigTo, "If set, write the default configuration values to this file and exit.")
	fs.BoolVar(&o.Cleanup, "cleanup", o.Cleanup, "If true, remove all rules of the proxy and exit.")
	fs.BoolVar(&o.InitOnly, "init-only", o.InitOnly, "If true, make the settings that need full root privileges and exit.")
	fs.StringVar(&o.Master, "master", o.Master, "The address of the Kubernetes API server (overrides any value in kubeconfig).")
	fs.StringVar(&c.ClientConnection.Kubeconfig, "kubeconfig", c.ClientConnection.Kubeconfig, "Path to kubeconfig file with authorization information.")
	fs.StringVar(&o.HostnameOverride, "hostname-override", o.HostnameOverride, "If non-empty, the name of the Node that kube-proxy is running on. If unset, the node name is assumed to be the same as the node's hostname.")

	fs = sections.FlagSet("addresses")
	fs.StringVar(&c.BindAddress, "bind-address", c.BindAddress, "The node's primary address, unless it is 0.0.0.0 or ::, then that of the Node object.")
	fs.StringVar(&c.HealthzBindAddress, "healthz-bind-address", c.HealthzBindAddress, "The IP address and port for the health check server to serve on. Empty to disable.")
	fs.StringVar(&c.MetricsBindAddress, "metrics-bind-address", c.MetricsBindAddress, "The IP address and port for the metrics server to serve on. Empty to disable.")
	fs.BoolVar(&c.BindAddressHardFail, "bind-address-hard-fail", c.BindAddressHardFail, "If true, treat failure to bind to a port as fatal and exit.")
	fs.BoolVar(&c.EnableProfiling, "profiling", c.EnableProfiling, "If true, serve /debug/pprof on the metrics server.")
	fs.StringSliceVar(&c.NodePortAddresses, "nodeport-addresses", c.NodePortAddresses, "CIDR ranges of node addresses at which NodePort connections are accepted, or 'primary', the default: the node's primary addresses.")

	fs = sections.FlagSet("rules")
	fs.StringVar((*string)(&c.Mode), "proxy-mode", string(c.Mode), "Which proxy mode to use: only 'nftables'.")
	fs.BoolVar(&c.NFTables.MasqueradeAll, "masquerade-all", c.NFTables.MasqueradeAll, "SNAT all traffic sent via Service cluster IPs.")
	fs.StringVar(&c.ClusterCIDR, "cluster-cidr", c.ClusterCIDR, "The CIDR range of the pods in the cluster, for dual-stack clusters a comma-separated pair. Used with --detect-local-mode=ClusterCIDR.")
	fs.StringVar((*string)(&c.DetectLocalMode), "detect-local-mode", string(c.DetectLocalMode), "How to detect local traffic: ClusterCIDR, NodeCIDR, BridgeInterface or InterfaceNamePrefix.")
	fs.StringVar(&c.DetectLocal.BridgeInterface, "pod-bridge-interface", c.DetectLocal.BridgeInterface, "Traffic from this bridge is local. Used with --detect-local-mode=BridgeInterface.")
	fs.StringVar(&c.DetectLocal.InterfaceNamePrefix, "pod-interface-name-prefix", c.DetectLocal.InterfaceNamePrefix, "Traffic from interfaces whose names begin so is local. Used with --detect-local-mode=InterfaceNamePrefix.")

	fs = sections.FlagSet("kernel")
	fs.Int32Var(c.OOMScoreAdj, "oom-score-adj", *c.OOMScoreAdj, "The oom-score-adj value for the process, within [-1000, 1000].")
	fs.Int32Var(c.Conntrack.MaxPerCore, "conntrack-max-per-core", *c.Conntrack.MaxPerCore, "Maximum number of NAT connections to track per CPU core (0 to leave the limit as is and ignore conntrack-min).")
	fs.Int32Var(c.Conntrack.Min, "conntrack-min", *c.Conntrack.Min, "Minimum number of conntrack entries to allocate, regardless of conntrack-max-per-core.")
	fs.DurationVar(&c.Conntrack.TCPEstablishedTimeout.Duration, "conntrack-tcp-timeout-established", c.Conntrack.TCPEstablishedTimeout.Duration, "Idle timeout for established TCP connections (0 to leave as is).")
	fs.DurationVar(&c.Conntrack.TCPCloseWaitTimeout.Duration, "conntrack-tcp-timeout-close-wait", c.Conntrack.TCPCloseWaitTimeout.Duration, "NAT timeout for TCP connections in the CLOSE_WAIT state.")
	fs.BoolVar(&c.Conntrack.TCPBeLiberal, "conntrack-tcp-be-liberal", c.Conntrack.TCPBeLiberal, "Do not mark packets with out-of-window sequence numbers invalid.")
	fs.DurationVar(&c.Conntrack.UDPTimeout.Duration, "conntrack-udp-timeout", c.Conntrack.UDPTimeout.Duration, "Idle timeout for UNREPLIED UDP connections (0 to leave as is).")
	fs.DurationVar(&c.Conntrack.UDPStreamTimeout.Duration, "conntrack-udp-timeout-stream", c.Conntrack.UDPStreamTimeout.Duration, "Idle timeout for ASSURED UDP connections (0 to leave as is).")
}

// effective are the values that count: those of the file, if there is one, over the
// defaults; else those of the flags.
func (o *Options) effective() (*v1alpha1.KubeProxyConfiguration, error) {
	config := o.Config.DeepCopy()
	if o.ConfigFile != "" {
		text, err := os.ReadFile(o.ConfigFile)
		if err != nil {
			return nil, fmt.Errorf("read configuration file: %w", err)
		}
		config = &NewOptions().Config
		config.TypeMeta = metav1.TypeMeta{}
		if err := yaml.UnmarshalStrict(text, config); err != nil {
			return nil, fmt.Errorf("read configuration file %q: %w", o.ConfigFile, err)
		}
		wanted := NewOptions().Config.TypeMeta
		if config.TypeMeta != wanted {
			return nil, fmt.Errorf("read configuration file %q: it has %s %s, want %s %s",
				o.ConfigFile, config.APIVersion, config.Kind, wanted.APIVersion, wanted.Kind)
		}
	}
	if o.HostnameOverride != "" {
		config.HostnameOverride = o.HostnameOverride
	}
	setDefaults(config)
	return config, nil
}

// setDefaults fills what the file set to nothing.
func setDefaults(config *v1alpha1.KubeProxyConfiguration) {
	if config.Mode == "" {
		config.Mode = modeNFTables
	}
	if config.DetectLocalMode == "" {
		config.DetectLocalMode = localModeClusterCIDR
	}
	if config.BindAddress == "" {
		config.BindAddress = "0.0.0.0"
	}
	defaults := NewOptions().Config.Conntrack
	if config.Conntrack.MaxPerCore == nil {
		config.Conntrack.MaxPerCore = defaults.MaxPerCore
	}
	if config.Conntrack.Min == nil {
		config.Conntrack.Min = defaults.Min
	}
	if config.Conntrack.TCPEstablishedTimeout == nil {
		config.Conntrack.TCPEstablishedTimeout = defaults.TCPEstablishedTimeout
	}
	if config.Conntrack.TCPCloseWaitTimeout == nil {
		config.Conntrack.TCPCloseWaitTimeout = defaults.TCPCloseWaitTimeout
	}
}
