package options

import (
	"fmt"
	"net"
	"net/netip"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/kube-proxy/config/v1alpha1"
)

// primary stands for the node's primary addresses in NodePortAddresses.
const primary = "primary"

// Validate returns every fault.
func (o *Options) Validate() []error {
	config, err := o.effective()
	if err != nil {
		return []error{err}
	}
	var errs []error
	for _, fault := range validate(config) {
		errs = append(errs, fault)
	}
	return errs
}

func validate(c *v1alpha1.KubeProxyConfiguration) field.ErrorList {
	var faults field.ErrorList
	root := field.NewPath("KubeProxyConfiguration")
	if c.Mode != modeNFTables {
		faults = append(faults, field.NotSupported(root.Child("mode"), c.Mode, []v1alpha1.ProxyMode{modeNFTables}))
	}
	if _, err := netip.ParseAddr(c.BindAddress); err != nil {
		faults = append(faults, field.Invalid(root.Child("bindAddress"), c.BindAddress, "not an IP address"))
	}
	for name, address := range map[string]string{"healthzBindAddress": c.HealthzBindAddress, "metricsBindAddress": c.MetricsBindAddress} {
		if _, _, err := net.SplitHostPort(address); address != "" && err != nil {
			faults = append(faults, field.Invalid(root.Child(name), address, "must be IP:port"))
		}
	}
	faults = append(faults, validateDetectLocal(c, root)...)
	faults = append(faults, validateNodePortAddresses(c.NodePortAddresses, root.Child("nodePortAddresses"))...)
	if score := c.OOMScoreAdj; score != nil && (*score < -1000 || *score > 1000) {
		faults = append(faults, field.Invalid(root.Child("oomScoreAdj"), *score, "must be within the range [-1000, 1000]"))
	}
	if c.NFTables.SyncPeriod.Duration < 0 {
		faults = append(faults, field.Invalid(root.Child("nftables", "syncPeriod"), c.NFTables.SyncPeriod, "must not be negative"))
	}
	return append(faults, validateConntrack(&c.Conntrack, root.Child("conntrack"))...)
}

func validateDetectLocal(c *v1alpha1.KubeProxyConfiguration, root *field.Path) field.ErrorList {
	var faults field.ErrorList
	modes := []v1alpha1.LocalMode{localModeClusterCIDR, localModeNodeCIDR, localModeBridgeInterface, localModeInterfaceNamePrefix}
	switch c.DetectLocalMode {
	case localModeClusterCIDR, localModeNodeCIDR:
	case localModeBridgeInterface:
		if c.DetectLocal.BridgeInterface == "" {
			faults = append(faults, field.Required(root.Child("detectLocal", "bridgeInterface"), "needed in this mode"))
		}
	case localModeInterfaceNamePrefix:
		if c.DetectLocal.InterfaceNamePrefix == "" {
			faults = append(faults, field.Required(root.Child("detectLocal", "interfaceNamePrefix"), "needed in this mode"))
		}
	default:
		faults = append(faults, field.NotSupported(root.Child("detectLocalMode"), c.DetectLocalMode, modes))
	}
	// Interface names go into rules and have at most 15 characters.
	for name, value := range map[string]string{"bridgeInterface": c.DetectLocal.BridgeInterface, "interfaceNamePrefix": c.DetectLocal.InterfaceNamePrefix} {
		if len(value) > 15 || strings.ContainsAny(value, " \t\n\"*/") {
			faults = append(faults, field.Invalid(root.Child("detectLocal", name), value, "not an interface name"))
		}
	}
	if _, err := parsePrefixes(splitList(c.ClusterCIDR)); err != nil {
		faults = append(faults, field.Invalid(root.Child("clusterCIDR"), c.ClusterCIDR, err.Error()))
	}
	return faults
}

func validateNodePortAddresses(list []string, path *field.Path) field.ErrorList {
	if len(list) == 1 && list[0] == primary {
		return nil
	}
	var faults field.ErrorList
	for i, text := range list {
		if _, err := netip.ParsePrefix(text); err != nil {
			faults = append(faults, field.Invalid(path.Index(i), text, "must be a CIDR, or 'primary' alone"))
		}
	}
	return faults
}

func validateConntrack(c *v1alpha1.KubeProxyConntrackConfiguration, path *field.Path) field.ErrorList {
	var faults field.ErrorList
	for name, value := range map[string]int64{
		"maxPerCore":            int64(*c.MaxPerCore),
		"min":                   int64(*c.Min),
		"tcpEstablishedTimeout": int64(c.TCPEstablishedTimeout.Duration),
		"tcpCloseWaitTimeout":   int64(c.TCPCloseWaitTimeout.Duration),
		"udpTimeout":            int64(c.UDPTimeout.Duration),
		"udpStreamTimeout":      int64(c.UDPStreamTimeout.Duration),
	} {
		if value < 0 {
			faults = append(faults, field.Invalid(path.Child(name), value, "must not be negative"))
		}
	}
	return faults
}

func splitList(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(text, ",")
}

func parsePrefixes(texts []string) ([]netip.Prefix, error) {
	var list []netip.Prefix
	for _, text := range texts {
		prefix, err := netip.ParsePrefix(strings.TrimSpace(text))
		if err != nil {
			return nil, fmt.Errorf("%q is not a CIDR", text)
		}
		list = append(list, prefix.Masked())
	}
	return list, nil
}
