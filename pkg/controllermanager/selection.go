package controllermanager

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/proa-sh/proa/pkg/controllers"
)

// selected says whether the selection switches a controller on.
func selected(selection []string, entry controllers.Entry) bool {
	switch {
	case slices.Contains(selection, "-"+entry.Name):
		return false
	case slices.Contains(selection, entry.Name):
		return true
	default:
		return slices.Contains(selection, "*") && !entry.OnRequest
	}
}

// elsewhere are upstream's controllers that do not exist here, so that command lines that name them stay valid.
func elsewhere() []string {
	return []string{
		"cloud-node-lifecycle-controller", "device-taint-eviction-controller", "ephemeral-volume-controller",
		"horizontal-pod-autoscaler-controller", "kube-apiserver-serving-clustertrustbundle-publisher-controller",
		"node-route-controller", "persistentvolume-attach-detach-controller",
		"persistentvolume-binder-controller", "persistentvolume-expander-controller", "persistentvolume-protection-controller",
		"persistentvolumeclaim-protection-controller", "podcertificaterequest-cleaner-controller", "resourceclaim-controller",
		"selinux-warning-controller", "service-cidr-controller", "service-lb-controller",
		"storage-version-migrator-controller", "storageversion-garbage-collector-controller",
		"ttl-controller", "validatingadmissionpolicy-status-controller", "volumeattributesclass-protection-controller",
	}
}

// aliases are the names that controllers had in upstream before v1.28 and that installers still write.
func aliases() map[string]string {
	return map[string]string{
		"attachdetach": "persistentvolume-attach-detach-controller", "bootstrapsigner": "bootstrap-signer-controller",
		"cloud-node-lifecycle": "cloud-node-lifecycle-controller", "clusterrole-aggregation": "clusterrole-aggregation-controller",
		"cronjob": "cronjob-controller", "csrapproving": "certificatesigningrequest-approving-controller",
		"csrcleaner": "certificatesigningrequest-cleaner-controller", "csrsigning": "certificatesigningrequest-signing-controller",
		"daemonset": "daemonset-controller", "deployment": "deployment-controller", "disruption": "disruption-controller",
		"endpoint": "endpoints-controller", "endpointslice": "endpointslice-controller", "endpointslicemirroring": "endpointslice-mirroring-controller",
		"ephemeral-volume": "ephemeral-volume-controller", "garbagecollector": "garbage-collector-controller",
		"horizontalpodautoscaling": "horizontal-pod-autoscaler-controller", "job": "job-controller",
		"legacy-service-account-token-cleaner": "legacy-serviceaccount-token-cleaner-controller", "namespace": "namespace-controller",
		"nodeipam": "node-ipam-controller", "nodelifecycle": "node-lifecycle-controller", "persistentvolume-binder": "persistentvolume-binder-controller",
		"persistentvolume-expander": "persistentvolume-expander-controller", "podgc": "pod-garbage-collector-controller",
		"pv-protection": "persistentvolume-protection-controller", "pvc-protection": "persistentvolumeclaim-protection-controller",
		"replicaset": "replicaset-controller", "replicationcontroller": "replicationcontroller-controller",
		"resource-claim-controller": "resourceclaim-controller", "resourcequota": "resourcequota-controller",
		"root-ca-cert-publisher": "root-ca-certificate-publisher-controller", "route": "node-route-controller", "service": "service-lb-controller",
		"serviceaccount": "serviceaccount-controller", "serviceaccount-token": "serviceaccount-token-controller", "statefulset": "statefulset-controller",
		"storage-version-gc": "storageversion-garbage-collector-controller", "tokencleaner": "token-cleaner-controller", "ttl": "ttl-controller",
		"ttl-after-finished": "ttl-after-finished-controller",
	}
}

// resolve gives the selection with today's names and without those of controllers that do not exist here; absent are
// those of them that it switches on. A name that no controller of upstream has is an error.
func resolve(selection []string) (known, absent []string, err error) {
	var unknown []error
	for _, word := range selection {
		name, off := strings.CutPrefix(word, "-")
		if today, old := aliases()[name]; old {
			name = today
		}
		switch {
		case word == "*", slices.ContainsFunc(controllers.All(), func(e controllers.Entry) bool { return e.Name == name }):
			if off {
				name = "-" + name
			}
			known = append(known, name)
		case slices.Contains(elsewhere(), name):
			if !off {
				absent = append(absent, name)
			}
		default:
			unknown = append(unknown, fmt.Errorf("%q is not a controller", name))
		}
	}
	return known, absent, errors.Join(unknown...)
}
