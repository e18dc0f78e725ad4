package node

import (
	"errors"
	"fmt"
	"net"

	v1 "k8s.io/api/core/v1"
	utilnet "k8s.io/apimachinery/pkg/util/net"
)

// Addresses are the addresses of the node: the configured IPs (--node-ip, at most one of each family), or else the address
// of the interface with the default route, and the host name. An unspecified IP (0.0.0.0 or ::) asks for the default
// address of its family.
func Addresses(hostname string, nodeIPs []net.IP) ([]v1.NodeAddress, error) {
	if len(nodeIPs) == 0 {
		nodeIPs = []net.IP{net.IPv4zero}
	}
	if len(nodeIPs) > 2 || (len(nodeIPs) == 2 && (nodeIPs[0].To4() == nil) == (nodeIPs[1].To4() == nil)) {
		return nil, errors.New("node IPs must be one, or two of different families")
	}
	addresses := make([]v1.NodeAddress, 0, len(nodeIPs)+1)
	for _, ip := range nodeIPs {
		chosen, err := chooseIP(ip)
		if err != nil {
			return nil, err
		}
		addresses = append(addresses, v1.NodeAddress{Type: v1.NodeInternalIP, Address: chosen.String()})
	}
	return append(addresses, v1.NodeAddress{Type: v1.NodeHostName, Address: hostname}), nil
}

// chooseIP checks a configured IP, or finds the default one for an unspecified IP.
func chooseIP(ip net.IP) (net.IP, error) {
	switch {
	case ip.IsUnspecified():
		found, err := utilnet.ResolveBindAddress(ip)
		if err != nil {
			return nil, fmt.Errorf("find the node's IP by its default route: %w; name it with --node-ip", err)
		}
		return found, nil
	case ip.IsLoopback(), ip.IsMulticast(), ip.IsLinkLocalUnicast():
		return nil, fmt.Errorf("node IP %s cannot be reached by other nodes", ip)
	}
	return ip, nil
}
