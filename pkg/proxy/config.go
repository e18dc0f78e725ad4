package proxy

import (
	"net/netip"
	"time"

	"github.com/proa-sh/proa/pkg/proxy/conntrack"
	"k8s.io/client-go/informers"
)

// LocalMode says how traffic from pods is told from other traffic. The values are
// those of KubeProxyConfiguration.
type LocalMode string

const (
	// LocalModeClusterCIDR: the source lies in the cluster's pod prefixes.
	LocalModeClusterCIDR LocalMode = "ClusterCIDR"
	// LocalModeNodeCIDR: the source lies in the node's pod prefixes, from its Node.
	LocalModeNodeCIDR LocalMode = "NodeCIDR"
	// LocalModeBridgeInterface: it came from a bridge.
	LocalModeBridgeInterface LocalMode = "BridgeInterface"
	// LocalModeInterfaceNamePrefix: it came from an interface with a name prefix.
	LocalModeInterfaceNamePrefix LocalMode = "InterfaceNamePrefix"
)

// Config is what a Proxy is made of.
type Config struct {
	// Informers give Services, EndpointSlices and Nodes.
	Informers informers.SharedInformerFactory
	// NodeName is the name of the Node this proxy runs on.
	NodeName string
	// NodeIPs are the node's primary addresses, at most one per family. If there are
	// none, those of the Node object are taken.
	NodeIPs []netip.Addr
	// NodePortAddresses are prefixes; node ports are served at the node's addresses
	// within. None: only at the primary addresses.
	NodePortAddresses []netip.Prefix

	// DetectLocalMode with what belongs to it. Empty, or without it, nobody is
	// known to be a pod.
	DetectLocalMode     LocalMode
	ClusterCIDRs        []netip.Prefix
	BridgeInterface     string
	InterfaceNamePrefix string
	// TableName is the name of the nftables tables, in the families ip and ip6; empty: the constant TableName.
	TableName string
	// MasqueradeAll replaces the source of all connections to cluster addresses.
	MasqueradeAll bool

	// HealthzBindAddress is host:port of /healthz and /livez; empty: not served.
	HealthzBindAddress string
	// BindAddressHardFail makes it an error if that address cannot be listened at;
	// else it is tried again.
	BindAddressHardFail bool
	// CheckPeriod is how often the whole kernel state is compared; 0: an hour.
	CheckPeriod time.Duration
	// Conntrack are kernel settings to make at the start.
	Conntrack conntrack.Settings
}
