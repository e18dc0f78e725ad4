package options

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/pflag"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	cliflag "k8s.io/component-base/cli/flag"
	kubeletconfig "k8s.io/kubelet/config/v1beta1"
	"sigs.k8s.io/yaml"

	"github.com/proa-sh/proa/pkg/kubelet/resources"
)

// Options are the flags and the configuration file of a kubelet.
type Options struct {
	// ConfigFile is a KubeletConfiguration in YAML or JSON; flags that are given win over it.
	ConfigFile string
	Kubeconfig string
	// BootstrapKubeconfig is what the first client certificate is asked for with, when Kubeconfig has none that is valid.
	BootstrapKubeconfig string
	// HostnameOverride names the node; the host's name when empty.
	HostnameOverride string
	NodeIP           string
	NodeLabels       map[string]string
	RootDir          string
	// CertDir holds the serving certificate when no files are named.
	CertDir string
	// CloudProvider is "external" for a node that the controllers of a cloud finish, else empty.
	CloudProvider string
	// Kubelet is bound to flags; Complete replaces it by the file with the given flags applied.
	Kubelet *kubeletconfig.KubeletConfiguration

	flags *pflag.FlagSet
}

// cloudExternal is the one value of --cloud-provider.
const cloudExternal = "external"

// NewOptions returns upstream's defaults.
func NewOptions() *Options {
	return &Options{RootDir: "/var/lib/kubelet", CertDir: "/var/lib/kubelet/pki", NodeLabels: map[string]string{}, Kubelet: Default()}
}

// AddFlags adds the flags in sections.
func (o *Options) AddFlags(sets *cliflag.NamedFlagSets) {
	fs := sets.FlagSet("kubelet")
	fs.StringVar(&o.ConfigFile, "config", o.ConfigFile, "File with the configuration (kind KubeletConfiguration). Flags that are given win over it.")
	fs.StringVar(&o.Kubeconfig, "kubeconfig", o.Kubeconfig, "File that says how to reach the API server, and as whom.")
	fs.StringVar(&o.BootstrapKubeconfig, "bootstrap-kubeconfig", o.BootstrapKubeconfig, "File with which a client certificate is asked for if that of --kubeconfig does not exist or has expired; --kubeconfig is written then.")
	fs.StringVar(&o.HostnameOverride, "hostname-override", o.HostnameOverride, "Name of the node instead of the host's name.")
	fs.StringVar(&o.NodeIP, "node-ip", o.NodeIP, "Address of the node, or two of different families separated by a comma.")
	fs.Var(cliflag.NewMapStringString(&o.NodeLabels), "node-labels", "Labels of a Node that is made anew, key=value separated by commas.")
	fs.StringVar(&o.RootDir, "root-dir", o.RootDir, "Directory of the kubelet's files.")
	fs.StringVar(&o.CertDir, "cert-dir", o.CertDir, "Directory of the serving certificate. Ignored when --tls-cert-file and --tls-private-key-file are given.")
	fs.StringVar(&o.CloudProvider, "cloud-provider", o.CloudProvider, "Set to external for a node that is to wait for the controllers of a cloud.")
	o.flags = sets.FlagSet("configuration")
	addConfigFlags(o.flags, o.Kubelet)
}

// Complete reads the configuration file and applies the flags that were given over it.
func (o *Options) Complete() error {
	defer o.derive()
	if o.ConfigFile == "" {
		return nil
	}
	config, err := ReadFile(o.ConfigFile)
	if err != nil {
		return err
	}
	// Flags are told apart by having been given: only those are applied to the file's values.
	over := pflag.NewFlagSet("over", pflag.ContinueOnError)
	addConfigFlags(over, config)
	var errs []error
	if o.flags != nil {
		// The set that was parsed is another one, which shares the flags.
		o.flags.VisitAll(func(f *pflag.Flag) {
			if !f.Changed {
				return
			}
			if err := reapply(f, over.Lookup(f.Name)); err != nil {
				errs = append(errs, fmt.Errorf("apply --%s over the configuration file: %w", f.Name, err))
			}
		})
	}
	o.Kubelet = config
	return errors.Join(errs...)
}

// reapply sets a flag to another's value. A list prints in brackets, which its own Set does not read.
func reapply(from, to *pflag.Flag) error {
	if list, ok := from.Value.(pflag.SliceValue); ok {
		return to.Value.(pflag.SliceValue).Replace(list.GetSlice())
	}
	return to.Value.Set(from.Value.String())
}

// ReadFile reads a KubeletConfiguration; what it does not set has its default.
func ReadFile(path string) (*kubeletconfig.KubeletConfiguration, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read kubelet configuration: %w", err)
	}
	config := &kubeletconfig.KubeletConfiguration{}
	if err := yaml.UnmarshalStrict(data, config); err != nil {
		return nil, fmt.Errorf("decode kubelet configuration %s: %w", path, err)
	}
	if config.Kind != "KubeletConfiguration" || config.APIVersion != kubeletconfig.SchemeGroupVersion.String() {
		return nil, fmt.Errorf("decode kubelet configuration %s: it is of %s %s, want KubeletConfiguration of %s",
			path, config.Kind, config.APIVersion, kubeletconfig.SchemeGroupVersion)
	}
	SetDefaults(config)
	return config, nil
}

// Validate returns every fault. It reads the configuration file first.
func (o *Options) Validate() []error {
	var errs []error
	if err := o.Complete(); err != nil {
		return []error{err}
	}
	if o.Kubeconfig == "" {
		errs = append(errs, errors.New("--kubeconfig is needed: this kubelet takes its pods from an API server"))
	}
	if _, err := o.nodeIPs(); err != nil {
		errs = append(errs, err)
	}
	if _, err := o.nodeName(); err != nil {
		errs = append(errs, err)
	}
	if o.CloudProvider != "" && o.CloudProvider != cloudExternal {
		errs = append(errs, fmt.Errorf("unsupported --cloud-provider=%q, cloud-provider must be \"\" or %q", o.CloudProvider, cloudExternal))
	}
	return append(errs, validateConfig(o.Kubelet)...)
}

func validateConfig(c *kubeletconfig.KubeletConfiguration) []error {
	var errs []error
	refuse := func(bad bool, format string, args ...any) {
		if bad {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	refuse(c.MaxPods < 0, "maxPods: %d must not be negative", c.MaxPods)
	refuse(c.CgroupDriver != "cgroupfs", "cgroupDriver: %q is not implemented, only cgroupfs", c.CgroupDriver)
	for _, what := range c.EnforceNodeAllocatable {
		refuse(what != "pods" && what != "none", "enforceNodeAllocatable: %q is not implemented, only pods or none", what)
	}
	refuse(!*c.CgroupsPerQOS, "cgroupsPerQOS: must be true")
	refuse(c.PodsPerCore < 0, "podsPerCore: %d must not be negative", c.PodsPerCore)
	refuse(*c.OOMScoreAdj < -1000 || *c.OOMScoreAdj > 1000, "oomScoreAdj: %d must be within the range [-1000, 1000]", *c.OOMScoreAdj)
	refuse(c.StaticPodURL != "", "staticPodURL: is not implemented")
	refuse(*c.ContainerLogMaxFiles < 2, "containerLogMaxFiles: %d must be at least 2", *c.ContainerLogMaxFiles)
	low, high := *c.ImageGCLowThresholdPercent, *c.ImageGCHighThresholdPercent
	refuse(low < 0 || high > 100 || low >= high, "imageGCLowThresholdPercent %d must be less than imageGCHighThresholdPercent %d, both from 0 to 100", low, high)
	refuse((c.TLSCertFile == "") != (c.TLSPrivateKeyFile == ""), "tlsCertFile and tlsPrivateKeyFile: set both or none")
	if _, err := cliflag.TLSVersion(c.TLSMinVersion); err != nil {
		errs = append(errs, fmt.Errorf("tlsMinVersion: %w", err))
	}
	if _, err := cliflag.TLSCipherSuites(c.TLSCipherSuites); err != nil {
		errs = append(errs, fmt.Errorf("tlsCipherSuites: %w", err))
	}
	refuse(c.StaticPodPath != "" && !filepath.IsAbs(c.StaticPodPath), "staticPodPath: %q is not an absolute path", c.StaticPodPath)
	for _, server := range c.ClusterDNS {
		refuse(net.ParseIP(server) == nil, "clusterDNS: %q is not an address", server)
	}
	for field, thresholds := range map[string]map[string]string{
		"evictionHard": c.EvictionHard, "evictionSoft": c.EvictionSoft, "evictionMinimumReclaim": c.EvictionMinimumReclaim,
	} {
		if _, err := resources.ParseThresholds(thresholds); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", field, err))
		}
	}
	for signal := range c.EvictionSoft {
		grace, err := time.ParseDuration(c.EvictionSoftGracePeriod[signal])
		refuse(err != nil || grace <= 0, "evictionSoft: %s needs a period in evictionSoftGracePeriod, it has %q", signal, c.EvictionSoftGracePeriod[signal])
	}
	for _, list := range []map[string]string{c.KubeReserved, c.SystemReserved} {
		for name := range list {
			switch v1.ResourceName(name) {
			case v1.ResourceCPU, v1.ResourceMemory, v1.ResourceEphemeralStorage, "pid":
			default:
				errs = append(errs, fmt.Errorf("kubeReserved and systemReserved: %q cannot be reserved", name))
			}
		}
	}
	switch c.Authorization.Mode {
	case kubeletconfig.KubeletAuthorizationModeAlwaysAllow, kubeletconfig.KubeletAuthorizationModeWebhook:
	default:
		errs = append(errs, fmt.Errorf("authorization.mode: %q is neither AlwaysAllow nor Webhook", c.Authorization.Mode))
	}
	return errs
}

func (o *Options) nodeIPs() ([]net.IP, error) {
	if o.NodeIP == "" {
		return nil, nil
	}
	var ips []net.IP
	for _, text := range strings.Split(o.NodeIP, ",") {
		ip := net.ParseIP(strings.TrimSpace(text))
		if ip == nil {
			return nil, fmt.Errorf("--node-ip: %q is not an address", text)
		}
		ips = append(ips, ip)
	}
	return ips, nil
}

func (o *Options) nodeName() (string, error) {
	name := o.HostnameOverride
	if name == "" {
		host, err := os.Hostname()
		if err != nil {
			return "", fmt.Errorf("find the host's name: %w", err)
		}
		name = host
	}
	name = strings.ToLower(strings.TrimSpace(name))
	if faults := validation.IsDNS1123Subdomain(name); len(faults) > 0 {
		return "", fmt.Errorf("node name %q: %s", name, strings.Join(faults, "; "))
	}
	return name, nil
}
