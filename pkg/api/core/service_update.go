package core

import (
	"slices"

	corev1 "k8s.io/api/core/v1"

	rules "github.com/proa-sh/proa/staging/apirules/core"
)

// KeepAllocated fills the addresses and ports that were allocated to a service into an update of it that does not
// mention them, and drops those that the service's new type has no use for and that the client did not touch. It may run
// more than once; whoever allocates addresses calls it first.
func KeepAllocated(new, old *corev1.Service) {
	rules.NormalizeServiceUpdate(new, old)
	n, o := &new.Spec, &old.Spec
	if hasClusterIP(n) && hasClusterIP(o) {
		keepClusterIPs(n, o)
	}
	if hasNodePorts(n) && hasNodePorts(o) {
		keepNodePorts(n, o)
	}
	if hasHealthPort(n) && hasHealthPort(o) && n.HealthCheckNodePort == 0 {
		n.HealthCheckNodePort = o.HealthCheckNodePort
	}
	rules.PrepareServiceUpdate(new, old)
	dropSecondFamily(n, o)
}

func keepClusterIPs(n, o *corev1.ServiceSpec) {
	if n.ClusterIP == "" {
		n.ClusterIP = o.ClusterIP
	}
	if len(n.ClusterIPs) == 0 && n.ClusterIP == o.ClusterIP {
		n.ClusterIPs = slices.Clone(o.ClusterIPs)
	}
}

// keepNodePorts gives ports their old node port by name, unless another port of the update has taken it.
func keepNodePorts(n, o *corev1.ServiceSpec) {
	taken, byName := map[int32]bool{}, map[string]int32{}
	for _, p := range n.Ports {
		taken[p.NodePort] = true
	}
	for _, p := range o.Ports {
		byName[p.Name] = p.NodePort
	}
	for i := range n.Ports {
		p := &n.Ports[i]
		if port := byName[p.Name]; p.NodePort == 0 && port != 0 && !taken[port] {
			p.NodePort = port
			taken[port] = true
		}
	}
}

// dropSecondFamily makes a dual-stack service that asks for a single stack keep its first address only.
func dropSecondFamily(n, o *corev1.ServiceSpec) {
	if n.IPFamilyPolicy == nil || *n.IPFamilyPolicy != corev1.IPFamilyPolicySingleStack ||
		o.IPFamilyPolicy == nil || *o.IPFamilyPolicy == corev1.IPFamilyPolicySingleStack {
		return
	}
	if len(n.ClusterIPs) == 2 && slices.Equal(n.ClusterIPs, o.ClusterIPs) {
		n.ClusterIPs = n.ClusterIPs[:1:1]
	}
	if len(n.IPFamilies) == 2 && slices.Equal(n.IPFamilies, o.IPFamilies) {
		n.IPFamilies = n.IPFamilies[:1:1]
	}
}

func isBalanced(s *corev1.ServiceSpec) bool { return s.Type == corev1.ServiceTypeLoadBalancer }

func hasClusterIP(s *corev1.ServiceSpec) bool {
	return s.Type == corev1.ServiceTypeClusterIP || s.Type == corev1.ServiceTypeNodePort || isBalanced(s)
}

func hasNodePorts(s *corev1.ServiceSpec) bool {
	allocated := s.AllocateLoadBalancerNodePorts == nil || *s.AllocateLoadBalancerNodePorts
	return s.Type == corev1.ServiceTypeNodePort || isBalanced(s) && allocated
}

func hasHealthPort(s *corev1.ServiceSpec) bool {
	return isBalanced(s) && s.ExternalTrafficPolicy == corev1.ServiceExternalTrafficPolicyLocal
}
