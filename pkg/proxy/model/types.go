package model

import (
	"cmp"
	"net/netip"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

// Node is what decisions depend on of the node the proxy runs on.
type Node struct {
	// Name of the Node object; endpoints with this node name are local.
	Name string
	// Zone is the node's topology.kubernetes.io/zone label, empty if it has none.
	Zone string
	// NodePortAddresses are the node's addresses at which node ports are served.
	NodePortAddresses []netip.Addr
}

// PortName identifies a ServicePort.
type PortName struct {
	Service  types.NamespacedName
	Port     string
	Protocol corev1.Protocol
	Family   corev1.IPFamily
}

// Front is an address at which a Service can be reached. No two Services can have
// the same one.
type Front struct {
	Addr     netip.Addr
	Protocol corev1.Protocol
	Port     uint16
}

// Compare orders fronts by address, port and protocol.
func (f Front) Compare(other Front) int {
	return cmp.Or(f.Addr.Compare(other.Addr), cmp.Compare(f.Port, other.Port), cmp.Compare(f.Protocol, other.Protocol))
}

// Scope says which endpoints answer at an Exposure.
type Scope string

const (
	// AnyEndpoint: all usable endpoints, wherever they are.
	AnyEndpoint Scope = "Any"
	// LocalEndpoint: only endpoints on this node.
	LocalEndpoint Scope = "Local"
	// LocalForOutsiders: clients outside the cluster get endpoints on this node,
	// pods and the node itself all usable endpoints.
	LocalForOutsiders Scope = "LocalForOutsiders"
)

// Exposure is one way to reach a ServicePort.
type Exposure struct {
	Front Front
	// Internal is set for cluster addresses: the client keeps its source address
	// if it is a pod. At all other addresses it may be replaced by the node's.
	Internal bool
	Scope    Scope
	// SourceRanges, if not empty, are the only clients let in.
	SourceRanges []netip.Prefix
}

// ServicePort is one port of a Service in one address family.
type ServicePort struct {
	Name      PortName
	Exposures []Exposure
	// Any are the endpoints for AnyEndpoint; Local those on this node. A list is
	// sorted and has no duplicates. Local is empty unless some exposure asks.
	Any, Local []netip.AddrPort
	// Loopers are the endpoint addresses from which connections to this same port
	// may start on this node, so that an endpoint can be given its own connection.
	Loopers []netip.Addr
	// AffinityTimeout is how long a client keeps its endpoint; 0: not at all.
	AffinityTimeout time.Duration
}

// HealthCheck is the node port at which a load balancer asks whether this node has
// local endpoints of a Service.
type HealthCheck struct {
	Service        types.NamespacedName
	Port           uint16
	LocalEndpoints int
}

// FamilyOf returns the address family as the API names it.
func FamilyOf(addr netip.Addr) corev1.IPFamily {
	if addr.Is4() {
		return corev1.IPv4Protocol
	}
	return corev1.IPv6Protocol
}
