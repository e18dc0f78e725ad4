package network

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"

	"k8s.io/klog/v2"
	"sigs.k8s.io/knftables"
)

// portmapTable is what the portmap plugin calls its tables, whoever has it map ports.
const portmapTable = "cni_hostport"

// setUp prepares the host for pods as planned. The configuration for the container runtime
// comes last: with it pods may start.
func (n *Node) setUp(ctx context.Context, p plan) error {
	if err := n.config.Ledger.Interface(n.config.BridgeName); err != nil {
		return fmt.Errorf("announce bridge: %w", err)
	}
	for _, family := range families {
		own := ofFamily(p.own, family)
		if len(own) == 0 {
			continue
		}
		if err := n.forward(ctx, family); err != nil {
			return err
		}
		if err := openFirewall(n.config.Ledger, append(ofFamily(n.config.ClusterCIDRs, family), own...)); err != nil {
			return err
		}
		cluster := append(ofFamily(n.config.ClusterCIDRs, family), ofFamily(p.nodes, family)...)
		if len(n.config.ClusterCIDRs) == 0 {
			cluster = append(cluster, own...)
		}
		if err := writeMasquerade(ctx, n.config.Ledger, family, cmp.Or(n.config.TableName, TableName), own, cluster); err != nil {
			return err
		}
		for _, pods := range own {
			if err := n.config.Ledger.HostPorts(string(family), portmapTable, pods.String()); err != nil {
				return fmt.Errorf("announce host ports: %w", err)
			}
		}
		if err := n.route(family, p.routes); err != nil {
			return err
		}
	}
	text, err := Conflist(cmp.Or(n.config.NetworkName, DefaultName), n.config.BridgeName, n.config.MTU, n.config.IPAMDir, p.own)
	if err != nil {
		return err
	}
	return n.writeConflist(text)
}

// forward lets the node pass packets on, also to connection tracking when they go from
// one pod of the bridge to another: else answers from an endpoint to a client on the
// same bridge would not get the address of the Service back.
func (n *Node) forward(ctx context.Context, family knftables.Family) error {
	forwarding, bridged := "net/ipv4/ip_forward", "net/bridge/bridge-nf-call-iptables"
	if family == knftables.IPv6Family {
		forwarding, bridged = "net/ipv6/conf/all/forwarding", "net/bridge/bridge-nf-call-ip6tables"
	}
	if err := n.config.Ledger.SetSysctl(forwarding, "1"); err != nil {
		return fmt.Errorf("allow forwarding: %w", err)
	}
	if err := n.config.Ledger.SetSysctl(bridged, "1"); err != nil {
		// The pod network itself works without.
		klog.FromContext(ctx).Error(err, "Pods will not reach Services by endpoints on their own node; load the kernel module br_netfilter",
			"setting", bridged)
	}
	return nil
}

// writeConflist replaces the file in one step, so that nobody reads half of it.
func (n *Node) writeConflist(text []byte) error {
	path := filepath.Join(n.config.ConfDir, conflistName)
	if err := os.MkdirAll(n.config.ConfDir, 0o755); err != nil {
		return fmt.Errorf("make directory of CNI configurations: %w", err)
	}
	if err := n.config.Ledger.File(path); err != nil {
		return fmt.Errorf("announce CNI configuration: %w", err)
	}
	if now, err := os.ReadFile(path); err == nil && bytes.Equal(now, text) {
		return nil // the runtime would read it again
	}
	// Runtimes take files by suffix and do not see this one.
	temporary := filepath.Join(n.config.ConfDir, "."+conflistName+".new")
	if err := os.WriteFile(temporary, text, 0o644); err != nil {
		return fmt.Errorf("write CNI configuration: %w", err)
	}
	if err := os.Rename(temporary, path); err != nil {
		return fmt.Errorf("put CNI configuration in place: %w", err)
	}
	return nil
}
