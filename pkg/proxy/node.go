package proxy

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/proa-sh/proa/pkg/proxy/model"
	"github.com/vishvananda/netlink"
	corev1 "k8s.io/api/core/v1"
)

// autoscalerTaint is set on a node that the cluster autoscaler is about to remove; no
// new traffic should come to it (KEP-3836).
const autoscalerTaint = "ToBeDeletedByClusterAutoscaler"

// leaving says whether the node is being taken out of the cluster.
func leaving(node *corev1.Node) bool {
	return node.DeletionTimestamp != nil || slices.ContainsFunc(node.Spec.Taints, func(taint corev1.Taint) bool {
		return taint.Key == autoscalerTaint
	})
}

// modelNode is the node as the model needs it. The Node object may be missing yet.
func (c *Config) modelNode(node *corev1.Node, local []netip.Addr) model.Node {
	result := model.Node{Name: c.NodeName, NodePortAddresses: c.NodeIPs}
	if node != nil {
		result.Zone = node.Labels[corev1.LabelTopologyZone]
		if len(c.NodeIPs) == 0 {
			result.NodePortAddresses = primaryAddrs(node)
		}
	}
	if len(c.NodePortAddresses) > 0 {
		result.NodePortAddresses = nil
		for _, addr := range local {
			if slices.ContainsFunc(c.NodePortAddresses, func(p netip.Prefix) bool { return p.Contains(addr) }) {
				result.NodePortAddresses = append(result.NodePortAddresses, addr)
			}
		}
	}
	return result
}

// primaryAddrs are the first internal, else external, address of each family.
func primaryAddrs(node *corev1.Node) []netip.Addr {
	var found []netip.Addr
	for _, kind := range []corev1.NodeAddressType{corev1.NodeInternalIP, corev1.NodeExternalIP} {
		for _, address := range node.Status.Addresses {
			addr, err := netip.ParseAddr(address.Address)
			if address.Type != kind || err != nil {
				continue
			}
			addr = addr.Unmap()
			known := slices.ContainsFunc(found, func(other netip.Addr) bool { return other.Is4() == addr.Is4() })
			if !known {
				found = append(found, addr)
			}
		}
	}
	return found
}

// podSources are the prefixes of pods for the modes that know pods by address.
func (c *Config) podSources(node *corev1.Node) []netip.Prefix {
	switch c.DetectLocalMode {
	case LocalModeClusterCIDR:
		return c.ClusterCIDRs
	case LocalModeNodeCIDR:
		var list []netip.Prefix
		if node != nil {
			for _, text := range node.Spec.PodCIDRs {
				if prefix, err := netip.ParsePrefix(text); err == nil {
					list = append(list, prefix)
				}
			}
		}
		return list
	}
	return nil
}

// localAddrs lists the node's addresses but those of loopback, which nftables does not
// serve node ports at.
func localAddrs() ([]netip.Addr, error) {
	list, err := netlink.AddrList(nil, netlink.FAMILY_ALL)
	if err != nil {
		return nil, fmt.Errorf("list addresses of the node: %w", err)
	}
	var found []netip.Addr
	for _, one := range list {
		addr, ok := netip.AddrFromSlice(one.IP)
		if addr = addr.Unmap(); ok && !addr.IsLoopback() && !addr.IsLinkLocalUnicast() {
			found = append(found, addr)
		}
	}
	slices.SortFunc(found, netip.Addr.Compare)
	return slices.Compact(found), nil
}
