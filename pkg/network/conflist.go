package network

import (
	"encoding/json"
	"fmt"
	"net/netip"
)

// cniVersion is the version of the CNI specification the configuration is written in.
const cniVersion = "1.0.0"

// conflistName is the file in the configuration directory. Container runtimes take the
// first by name.
const conflistName = "10-proa.conflist"

// The configuration as the plugins document it: cni.dev, spec-v1.0.0; plugins bridge,
// host-local and portmap.
type conflist struct {
	CNIVersion string `json:"cniVersion"`
	Name       string `json:"name"`
	Plugins    []any  `json:"plugins"`
}

type bridgePlugin struct {
	Type string `json:"type"`
	// Bridge is the interface's name.
	Bridge string `json:"bridge"`
	// IsDefaultGateway gives the bridge the first address of each prefix and makes
	// it the pods' default gateway.
	IsDefaultGateway bool `json:"isDefaultGateway"`
	// HairpinMode lets a pod reach itself by way of a Service.
	HairpinMode bool `json:"hairpinMode"`
	// IPMasq stays false: one rule for all pods does it, not one for each.
	IPMasq bool `json:"ipMasq"`
	MTU    int  `json:"mtu,omitempty"`
	IPAM   ipam `json:"ipam"`
}

type ipam struct {
	Type    string      `json:"type"`
	Ranges  [][]ipRange `json:"ranges"`
	DataDir string      `json:"dataDir,omitempty"`
}

type ipRange struct {
	Subnet string `json:"subnet"`
}

type portmapPlugin struct {
	Type         string          `json:"type"`
	Backend      string          `json:"backend"`
	SNAT         bool            `json:"snat"`
	Capabilities map[string]bool `json:"capabilities"`
}

// DefaultName is the name of the CNI network. By it and a container's number the runtime remembers
// what it was given, in a place that is the whole machine's.
const DefaultName = "proa"

// Conflist returns the CNI configuration of a node with these pod prefixes, for the network of that name. mtu 0
// leaves the kernel's default; ipamDir is where host-local keeps what it gave out,
// empty its own default.
func Conflist(name, bridge string, mtu int, ipamDir string, podCIDRs []netip.Prefix) ([]byte, error) {
	var ranges [][]ipRange
	for _, prefix := range podCIDRs {
		ranges = append(ranges, []ipRange{{Subnet: prefix.Masked().String()}})
	}
	text, err := json.MarshalIndent(conflist{
		CNIVersion: cniVersion,
		Name:       name,
		Plugins: []any{
			bridgePlugin{
				Type: "bridge", Bridge: bridge, IsDefaultGateway: true, HairpinMode: true, MTU: mtu,
				IPAM: ipam{Type: "host-local", Ranges: ranges, DataDir: ipamDir},
			},
			portmapPlugin{Type: "portmap", Backend: "nftables", SNAT: true, Capabilities: map[string]bool{"portMappings": true}},
		},
	}, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode CNI configuration: %w", err)
	}
	return append(text, '\n'), nil
}
