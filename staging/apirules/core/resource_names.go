package core

import (
	"strings"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
)

// isHugePage tells hugepages-<size>.
func isHugePage(name v1.ResourceName) bool {
	return strings.HasPrefix(string(name), v1.ResourceHugePagesPrefix)
}

// isNative tells whether a resource is Kubernetes' own: without a domain or of the domain kubernetes.io.
func isNative(name v1.ResourceName) bool {
	return !strings.Contains(string(name), "/") || strings.Contains(string(name), v1.ResourceDefaultNamespacePrefix)
}

// isExtended tells whether name is a resource that cluster operators or device plugins advertise.
func isExtended(name v1.ResourceName) bool {
	if isNative(name) || strings.HasPrefix(string(name), v1.DefaultResourceRequestsPrefix) {
		return false
	}
	return len(validation.IsQualifiedName(v1.DefaultResourceRequestsPrefix+string(name))) == 0
}

// overcommitAllowed tells whether requests may be below limits.
func overcommitAllowed(name v1.ResourceName) bool { return isNative(name) && !isHugePage(name) }

// isContainerResource tells whether a container may name it without a domain.
func isContainerResource(name v1.ResourceName) bool {
	switch name {
	case v1.ResourceCPU, v1.ResourceMemory, v1.ResourceEphemeralStorage:
		return true
	}
	return isHugePage(name)
}

// isQuotaResource tells whether a quota may count it.
func isQuotaResource(name v1.ResourceName) bool {
	switch name {
	case v1.ResourceCPU, v1.ResourceMemory, v1.ResourceEphemeralStorage,
		v1.ResourceRequestsCPU, v1.ResourceRequestsMemory, v1.ResourceRequestsStorage, v1.ResourceRequestsEphemeralStorage,
		v1.ResourceLimitsCPU, v1.ResourceLimitsMemory, v1.ResourceLimitsEphemeralStorage,
		v1.ResourcePods, v1.ResourceQuotas, v1.ResourceServices, v1.ResourceReplicationControllers, v1.ResourceSecrets,
		v1.ResourcePersistentVolumeClaims, v1.ResourceConfigMaps, v1.ResourceServicesNodePorts,
		v1.ResourceServicesLoadBalancers:
		return true
	}
	return isHugePage(name) || strings.HasPrefix(string(name), v1.ResourceRequestsHugePagesPrefix)
}

// isStandard tells whether a name without a domain is known at all.
func isStandard(name v1.ResourceName) bool {
	return isQuotaResource(name) || name == v1.ResourceStorage
}

// isObjectCount tells whether a quota of it counts objects.
func isObjectCount(name v1.ResourceName) bool {
	switch name {
	case v1.ResourcePods, v1.ResourceQuotas, v1.ResourceServices, v1.ResourceReplicationControllers, v1.ResourceSecrets,
		v1.ResourceConfigMaps, v1.ResourcePersistentVolumeClaims, v1.ResourceServicesNodePorts,
		v1.ResourceServicesLoadBalancers:
		return true
	}
	return false
}

// isInteger tells whether quantities of it are whole.
func isInteger(name v1.ResourceName) bool { return isObjectCount(name) || isExtended(name) }
