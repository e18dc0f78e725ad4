package core

import (
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// NormalizeService makes clusterIP and clusterIPs[0] the same where a client has set only one, so that clients of the
// single-stack API keep working (KEP-563). Where both are set and differ, validation speaks. For an update use
// NormalizeServiceUpdate, which knows what the client started from.
func NormalizeService(svc *v1.Service) {
	switch s := &svc.Spec; {
	case s.ClusterIP != "" && len(s.ClusterIPs) == 0:
		s.ClusterIPs = []string{s.ClusterIP}
	case s.ClusterIP == "" && len(s.ClusterIPs) > 0:
		s.ClusterIP = s.ClusterIPs[0]
	}
}

// NormalizeServiceUpdate is NormalizeService for an update: a client that knows only clusterIP clears or sets it, and the
// list follows; clearing the list clears clusterIP.
func NormalizeServiceUpdate(newSvc, old *v1.Service) {
	n, o := &newSvc.Spec, &old.Spec
	sameIP, sameList := n.ClusterIP == o.ClusterIP, sameStrings(n.ClusterIPs, o.ClusterIPs)
	switch {
	case !sameIP && n.ClusterIP == "" && sameList: // cleared by an old client
		n.ClusterIPs = nil
	case !sameIP && n.ClusterIP != "" && (sameList || len(n.ClusterIPs) == 0): // set by an old client
		n.ClusterIPs = []string{n.ClusterIP}
	case !sameList && sameIP && len(n.ClusterIPs) == 0:
		n.ClusterIP = ""
	case n.ClusterIP == "" && len(n.ClusterIPs) > 0 && !sameList:
		n.ClusterIP = n.ClusterIPs[0]
	}
}

func sameStrings(a, b []string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// SetServiceDefaults fills what a service leaves unset. Addresses, IP families and ports of nodes are allocated by the
// server and not defaults.
func SetServiceDefaults(svc *v1.Service) {
	s := &svc.Spec
	orElse(&s.SessionAffinity, v1.ServiceAffinityNone)
	switch s.SessionAffinity {
	case v1.ServiceAffinityNone:
		s.SessionAffinityConfig = nil
	case v1.ServiceAffinityClientIP:
		orElsePtr(&s.SessionAffinityConfig, v1.SessionAffinityConfig{})
		orElsePtr(&s.SessionAffinityConfig.ClientIP, v1.ClientIPConfig{})
		orElsePtr(&s.SessionAffinityConfig.ClientIP.TimeoutSeconds, v1.DefaultClientIPServiceAffinitySeconds)
	}
	orElse(&s.Type, v1.ServiceTypeClusterIP)
	for i := range s.Ports {
		p := &s.Ports[i]
		orElse(&p.Protocol, v1.ProtocolTCP)
		if p.TargetPort == intstr.FromInt32(0) || p.TargetPort == intstr.FromString("") {
			p.TargetPort = intstr.FromInt32(p.Port)
		}
	}
	if externallyAccessible(s) {
		orElse(&s.ExternalTrafficPolicy, v1.ServiceExternalTrafficPolicyCluster)
	}
	switch s.Type {
	case v1.ServiceTypeNodePort, v1.ServiceTypeLoadBalancer, v1.ServiceTypeClusterIP:
		orElsePtr(&s.InternalTrafficPolicy, v1.ServiceInternalTrafficPolicyCluster)
	}
	if s.Type != v1.ServiceTypeLoadBalancer {
		return
	}
	orElsePtr(&s.AllocateLoadBalancerNodePorts, true)
	for i := range svc.Status.LoadBalancer.Ingress {
		if in := &svc.Status.LoadBalancer.Ingress[i]; in.IP != "" {
			orElsePtr(&in.IPMode, v1.LoadBalancerIPModeVIP)
		}
	}
}

// externallyAccessible tells whether traffic from outside of the cluster can be meant for the service.
func externallyAccessible(s *v1.ServiceSpec) bool {
	return s.Type == v1.ServiceTypeLoadBalancer || s.Type == v1.ServiceTypeNodePort ||
		s.Type == v1.ServiceTypeClusterIP && len(s.ExternalIPs) > 0
}

// Which fields belong to which types of service.
func needsClusterIP(s *v1.ServiceSpec) bool { return s.Type != v1.ServiceTypeExternalName }

func needsNodePorts(s *v1.ServiceSpec) bool {
	return s.Type == v1.ServiceTypeNodePort ||
		s.Type == v1.ServiceTypeLoadBalancer && (s.AllocateLoadBalancerNodePorts == nil || *s.AllocateLoadBalancerNodePorts)
}

func needsHealthCheckNodePort(s *v1.ServiceSpec) bool {
	return s.Type == v1.ServiceTypeLoadBalancer && s.ExternalTrafficPolicy == v1.ServiceExternalTrafficPolicyLocal
}

// PrepareServiceUpdate drops what belongs to the old type of a service whose type changes, where the client has left it
// as it was: a client that only switches the type need not clear the rest. What the client has set stays, for
// validation to judge.
func PrepareServiceUpdate(newSvc, old *v1.Service) {
	n, o := &newSvc.Spec, &old.Spec
	if needsClusterIP(o) && !needsClusterIP(n) {
		if n.ClusterIP == o.ClusterIP {
			n.ClusterIP = ""
		}
		if sameStrings(n.ClusterIPs, o.ClusterIPs) {
			n.ClusterIPs = nil
		}
		if sameFamilies(n.IPFamilies, o.IPFamilies) {
			n.IPFamilies = nil
		}
		dropSame(&n.IPFamilyPolicy, o.IPFamilyPolicy)
	}
	if needsNodePorts(o) && !needsNodePorts(n) && samePortNodePorts(n, o) {
		for i := range n.Ports {
			n.Ports[i].NodePort = 0
		}
	}
	if needsHealthCheckNodePort(o) && !needsHealthCheckNodePort(n) && n.HealthCheckNodePort == o.HealthCheckNodePort {
		n.HealthCheckNodePort = 0
	}
	wasLB, isLB := o.Type == v1.ServiceTypeLoadBalancer, n.Type == v1.ServiceTypeLoadBalancer
	if wasLB && !isLB {
		dropSame(&n.AllocateLoadBalancerNodePorts, o.AllocateLoadBalancerNodePorts)
		dropSame(&n.LoadBalancerClass, o.LoadBalancerClass)
	}
	if externallyAccessible(o) && !externallyAccessible(n) && n.ExternalTrafficPolicy == o.ExternalTrafficPolicy {
		n.ExternalTrafficPolicy = ""
	}
	if o.Type == v1.ServiceTypeExternalName && n.Type != v1.ServiceTypeExternalName && n.ExternalName == o.ExternalName {
		n.ExternalName = ""
	}
	if needsClusterIP(o) && !needsClusterIP(n) {
		dropSame(&n.InternalTrafficPolicy, o.InternalTrafficPolicy)
	}
}

// dropSame clears a field that the client has left as it was.
func dropSame[T comparable](n **T, o *T) {
	if *n != nil && o != nil && **n == *o {
		*n = nil
	}
}

func sameFamilies(a, b []v1.IPFamily) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// samePortNodePorts tells whether the new spec brings no node port that the old one had not.
func samePortNodePorts(n, o *v1.ServiceSpec) bool {
	had := map[int32]bool{}
	for _, p := range o.Ports {
		had[p.NodePort] = true
	}
	for _, p := range n.Ports {
		if p.NodePort != 0 && !had[p.NodePort] {
			return false
		}
	}
	return true
}

// KeepAllocatedServiceFields carries cluster addresses and the health check port that the server gave a service over to
// an update whose author, like kubectl replace with a manifest, has not copied them. It is for updates that keep the
// service's type needing them.
func KeepAllocatedServiceFields(newSvc, old *v1.Service) {
	n, o := &newSvc.Spec, &old.Spec
	if !needsClusterIP(n) || !needsClusterIP(o) {
		return
	}
	if n.ClusterIP == "" && len(n.ClusterIPs) == 0 {
		n.ClusterIP, n.ClusterIPs = o.ClusterIP, append([]string(nil), o.ClusterIPs...)
	}
	if needsHealthCheckNodePort(n) && needsHealthCheckNodePort(o) && n.HealthCheckNodePort == 0 {
		n.HealthCheckNodePort = o.HealthCheckNodePort
	}
	if needsNodePorts(n) && needsNodePorts(o) {
		keepNodePorts(n, o)
	}
}

// keepNodePorts matches ports by protocol and number.
func keepNodePorts(n, o *v1.ServiceSpec) {
	type key struct {
		protocol v1.Protocol
		port     int32
	}
	had := map[key]int32{}
	for _, p := range o.Ports {
		had[key{p.Protocol, p.Port}] = p.NodePort
	}
	taken := map[int32]bool{}
	for _, p := range n.Ports {
		taken[p.NodePort] = true
	}
	for i := range n.Ports {
		p := &n.Ports[i]
		if np := had[key{p.Protocol, p.Port}]; p.NodePort == 0 && np != 0 && !taken[np] {
			p.NodePort = np
			taken[np] = true
		}
	}
}
