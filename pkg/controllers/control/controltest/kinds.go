package controltest

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Kind is one resource that the server serves.
type Kind struct {
	schema.GroupVersionResource
	Kind       string
	Namespaced bool
}

// builtin are the resources that every server has.
func builtin() []Kind {
	kind := func(group, version, resource, name string, namespaced bool) Kind {
		return Kind{schema.GroupVersionResource{Group: group, Version: version, Resource: resource}, name, namespaced}
	}
	return []Kind{
		kind("", "v1", "namespaces", "Namespace", false),
		kind("", "v1", "nodes", "Node", false),
		kind("", "v1", "pods", "Pod", true),
		kind("", "v1", "services", "Service", true),
		kind("", "v1", "endpoints", "Endpoints", true),
		kind("", "v1", "configmaps", "ConfigMap", true),
		kind("", "v1", "secrets", "Secret", true),
		kind("", "v1", "serviceaccounts", "ServiceAccount", true),
		kind("", "v1", "replicationcontrollers", "ReplicationController", true),
		kind("", "v1", "resourcequotas", "ResourceQuota", true),
		kind("", "v1", "persistentvolumes", "PersistentVolume", false),
		kind("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim", true),
		kind("", "v1", "events", "Event", true),
		kind("apps", "v1", "deployments", "Deployment", true),
		kind("apps", "v1", "replicasets", "ReplicaSet", true),
		kind("apps", "v1", "daemonsets", "DaemonSet", true),
		kind("apps", "v1", "statefulsets", "StatefulSet", true),
		kind("apps", "v1", "controllerrevisions", "ControllerRevision", true),
		kind("batch", "v1", "jobs", "Job", true),
		kind("batch", "v1", "cronjobs", "CronJob", true),
		kind("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice", true),
		kind("coordination.k8s.io", "v1", "leases", "Lease", true),
		kind("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget", true),
		kind("certificates.k8s.io", "v1", "certificatesigningrequests", "CertificateSigningRequest", false),
		kind("rbac.authorization.k8s.io", "v1", "clusterroles", "ClusterRole", false),
		kind("storage.k8s.io", "v1", "storageclasses", "StorageClass", false),
		kind("apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", false),
	}
}

// verbs of each resource in discovery.
func verbs() metav1.Verbs {
	return metav1.Verbs{"create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"}
}
