package services

import (
	"time"

	corev1 "k8s.io/api/core/v1"
)

// ProxyNameLabel names the service proxy that is responsible for a Service. The
// cluster's own proxy leaves Services (and their EndpointSlices) with this label
// alone (KEP-2447).
const ProxyNameLabel = "service.kubernetes.io/service-proxy-name"

// defaultAffinityTimeout is what v1 defaulting sets for ClientIP affinity.
const defaultAffinityTimeout = 3 * time.Hour

// Headless says whether the Service has no address of its own: its clients find
// the addresses of its endpoints.
func Headless(svc *corev1.Service) bool {
	return svc.Spec.ClusterIP == "" || svc.Spec.ClusterIP == corev1.ClusterIPNone
}

// ForProxy says whether the cluster's service proxy has to serve the Service: it
// has cluster addresses, is no alias for a DNS name, and is neither left to
// another proxy nor labelled service.kubernetes.io/headless, which upstream's
// proxy leaves alone even when it has an address.
func ForProxy(svc *corev1.Service) bool {
	if svc.Spec.Type == corev1.ServiceTypeExternalName {
		return false
	}
	if _, other := svc.Labels[ProxyNameLabel]; other {
		return false
	}
	if _, labelled := svc.Labels[corev1.IsHeadlessService]; labelled {
		return false
	}
	return !Headless(svc)
}

// ClusterIPs returns the Service's cluster addresses, at most one per family.
// Objects from before dual stack have only the single field.
func ClusterIPs(svc *corev1.Service) []string {
	if len(svc.Spec.ClusterIPs) > 0 {
		return svc.Spec.ClusterIPs
	}
	if svc.Spec.ClusterIP == "" {
		return nil
	}
	return []string{svc.Spec.ClusterIP}
}

// HasExternalAddresses says whether the Service can be reached at more than its
// cluster addresses.
func HasExternalAddresses(svc *corev1.Service) bool {
	switch svc.Spec.Type {
	case corev1.ServiceTypeNodePort, corev1.ServiceTypeLoadBalancer:
		return true
	}
	return svc.Spec.Type == corev1.ServiceTypeClusterIP && len(svc.Spec.ExternalIPs) > 0
}

// ExternalPolicyLocal says whether traffic from outside the cluster may only go to
// endpoints on the node that received it.
func ExternalPolicyLocal(svc *corev1.Service) bool {
	return HasExternalAddresses(svc) && svc.Spec.ExternalTrafficPolicy == corev1.ServiceExternalTrafficPolicyLocal
}

// InternalPolicyLocal says whether traffic to the cluster addresses may only go to
// endpoints on the node it starts on.
func InternalPolicyLocal(svc *corev1.Service) bool {
	policy := svc.Spec.InternalTrafficPolicy
	return policy != nil && *policy == corev1.ServiceInternalTrafficPolicyLocal
}

// NeedsHealthCheck says whether load balancers probe the nodes for local endpoints
// of this Service at spec.healthCheckNodePort.
func NeedsHealthCheck(svc *corev1.Service) bool {
	return svc.Spec.Type == corev1.ServiceTypeLoadBalancer && ExternalPolicyLocal(svc) &&
		svc.Spec.HealthCheckNodePort != 0
}

// AffinityTimeout returns how long a client keeps its endpoint after its last
// connection; 0 means no affinity.
func AffinityTimeout(svc *corev1.Service) time.Duration {
	if svc.Spec.SessionAffinity != corev1.ServiceAffinityClientIP {
		return 0
	}
	config := svc.Spec.SessionAffinityConfig
	if config == nil || config.ClientIP == nil || config.ClientIP.TimeoutSeconds == nil {
		return defaultAffinityTimeout
	}
	return time.Duration(*config.ClientIP.TimeoutSeconds) * time.Second
}
