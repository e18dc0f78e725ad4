package options

import "github.com/proa-sh/proa/pkg/component"

// Accepted says what becomes of all flags and of all fields of the configuration file.
func (o *Options) Accepted() component.Settings {
	return component.Settings{Flags: flagTable(), Fields: fieldTable(), Defaults: NewOptions().Config, File: o.ConfigFile}
}

// Reasons for which settings have no effect.
const (
	otherMode = "nftables is the only mode"
	windows   = "this program is for Linux"
	byEvents  = "the proxy follows Services and endpoints by their events"
)

// flagTable has upstream's flags that AddFlags does not define.
func flagTable() component.Table {
	mode := component.NoEffect(otherMode)
	return component.Merge(component.ClientLimits(), component.Table{
		"boot-id-file":                    component.NoEffect("the machine is not looked at"),
		"config-sync-period":              component.NoEffect(byEvents),
		"iptables-localhost-nodeports":    mode.Switch(),
		"iptables-masquerade-bit":         mode,
		"iptables-min-sync-period":        mode,
		"iptables-sync-period":            mode,
		"ipvs-exclude-cidrs":              mode,
		"ipvs-min-sync-period":            mode,
		"ipvs-scheduler":                  mode,
		"ipvs-strict-arp":                 mode.Switch(),
		"ipvs-sync-period":                mode,
		"ipvs-tcp-timeout":                mode,
		"ipvs-tcpfin-timeout":             mode,
		"ipvs-udp-timeout":                mode,
		"machine-id-file":                 component.NoEffect("the machine is not looked at"),
		"show-hidden-metrics-for-version": component.NoEffect("there are no hidden metrics"),
	})
}

// fieldTable has all fields of KubeProxyConfiguration.
func fieldTable() component.Table {
	mode, win, limits := component.NoEffect(otherMode), component.NoEffect(windows), component.ClientLimits()
	return component.Table{
		// Without effect.
		"clientConnection.acceptContentTypes": limits["kube-api-content-type"],
		"clientConnection.burst":              limits["kube-api-burst"],
		"clientConnection.contentType":        limits["kube-api-content-type"],
		"clientConnection.qps":                limits["kube-api-qps"],
		"configSyncPeriod":                    component.NoEffect(byEvents),
		"iptables.localhostNodePorts":         mode,
		"iptables.masqueradeAll":              mode,
		"iptables.masqueradeBit":              mode,
		"iptables.minSyncPeriod":              mode,
		"iptables.syncPeriod":                 mode,
		"ipvs.excludeCIDRs":                   mode,
		"ipvs.minSyncPeriod":                  mode,
		"ipvs.scheduler":                      mode,
		"ipvs.strictARP":                      mode,
		"ipvs.syncPeriod":                     mode,
		"ipvs.tcpFinTimeout":                  mode,
		"ipvs.tcpTimeout":                     mode,
		"ipvs.udpTimeout":                     mode,
		"logging":                             component.NoEffect("logging is set by the flags --logging-format and -v"),
		"nftables.masqueradeBit":              component.NoEffect("packets that are to be masqueraded are told by a mark of the proxy's own"),
		"nftables.minSyncPeriod":              component.NoEffect("changes are written at once, and together when there are many"),
		"portRange":                           component.NoEffect("no ports of the node are taken"),
		"showHiddenMetricsForVersion":         component.NoEffect("there are no hidden metrics"),
		"windowsRunAsService":                 win,
		"winkernel.enableDSR":                 win,
		"winkernel.forwardHealthCheckVip":     win,
		"winkernel.networkName":               win,
		"winkernel.rootHnsEndpointName":       win,
		"winkernel.sourceVip":                 win,

		// Heeded.
		"bindAddress":                     {},
		"bindAddressHardFail":             {},
		"clientConnection.kubeconfig":     {},
		"clusterCIDR":                     {},
		"conntrack.maxPerCore":            {},
		"conntrack.min":                   {},
		"conntrack.tcpBeLiberal":          {},
		"conntrack.tcpCloseWaitTimeout":   {},
		"conntrack.tcpEstablishedTimeout": {},
		"conntrack.udpStreamTimeout":      {},
		"conntrack.udpTimeout":            {},
		"detectLocal.bridgeInterface":     {},
		"detectLocal.interfaceNamePrefix": {},
		"detectLocalMode":                 {},
		"enableProfiling":                 {},
		"healthzBindAddress":              {},
		"hostnameOverride":                {},
		"metricsBindAddress":              {},
		"mode":                            {},
		"nftables.masqueradeAll":          {},
		"nftables.syncPeriod":             {},
		"nodePortAddresses":               {},
		"oomScoreAdj":                     {},
		"featureGates":                    {},
	}
}
