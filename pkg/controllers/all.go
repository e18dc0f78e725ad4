package controllers

import (
	"errors"

	"github.com/proa-sh/proa/pkg/controllers/bootstraptokens"
	"github.com/proa-sh/proa/pkg/controllers/clusterroleaggregation"
	"github.com/proa-sh/proa/pkg/controllers/control"
	"github.com/proa-sh/proa/pkg/controllers/cronjob"
	"github.com/proa-sh/proa/pkg/controllers/csr"
	"github.com/proa-sh/proa/pkg/controllers/daemonset"
	"github.com/proa-sh/proa/pkg/controllers/deployment"
	"github.com/proa-sh/proa/pkg/controllers/disruption"
	"github.com/proa-sh/proa/pkg/controllers/endpoints"
	"github.com/proa-sh/proa/pkg/controllers/endpointslice"
	"github.com/proa-sh/proa/pkg/controllers/endpointslicemirroring"
	"github.com/proa-sh/proa/pkg/controllers/garbagecollector"
	"github.com/proa-sh/proa/pkg/controllers/job"
	"github.com/proa-sh/proa/pkg/controllers/legacytoken"
	"github.com/proa-sh/proa/pkg/controllers/namespace"
	"github.com/proa-sh/proa/pkg/controllers/nodeipam"
	"github.com/proa-sh/proa/pkg/controllers/nodelifecycle"
	"github.com/proa-sh/proa/pkg/controllers/podgc"
	"github.com/proa-sh/proa/pkg/controllers/replicaset"
	"github.com/proa-sh/proa/pkg/controllers/resourcequota"
	"github.com/proa-sh/proa/pkg/controllers/rootca"
	"github.com/proa-sh/proa/pkg/controllers/serviceaccount"
	"github.com/proa-sh/proa/pkg/controllers/serviceaccounttoken"
	"github.com/proa-sh/proa/pkg/controllers/statefulset"
	"github.com/proa-sh/proa/pkg/controllers/tainteviction"
	"github.com/proa-sh/proa/pkg/controllers/ttlafterfinished"
)

// ErrOff is returned by a constructor whose settings say that the controller has nothing to do.
var ErrOff = errors.New("controller is switched off by its settings")

// Entry describes one controller.
type Entry struct {
	// Name is upstream's name of the controller, by which it is selected.
	Name string
	// Identity is the service account in namespace kube-system in whose name it speaks; "" is the program itself, for a
	// controller that makes the credentials of such accounts.
	Identity string
	// Source is the component that its events name.
	Source string
	// OnRequest says that "*" does not switch it on, its name does.
	OnRequest bool
	// Workers is how many keys it handles at the same time by default.
	Workers int
	// Reads and Writes are the resources ("resource.group") that it looks at and changes; "*" stands for all.
	Reads, Writes []string
	// New makes it.
	New func(control.Dependencies, Settings) (control.Controller, error)
}

// plain is a constructor that needs no settings.
func plain(build func(control.Dependencies) (control.Controller, error)) func(control.Dependencies, Settings) (control.Controller, error) {
	return func(d control.Dependencies, _ Settings) (control.Controller, error) { return build(d) }
}

// All are the controllers, in the order in which they are made.
func All() []Entry {
	return []Entry{
		{
			Name: "serviceaccount-controller", Identity: "service-account-controller", Source: "service-account-controller", Workers: 5,
			Reads: []string{"namespaces", "serviceaccounts"}, Writes: []string{"serviceaccounts"},
			New: plain(serviceaccount.New),
		},
		{
			Name: "serviceaccount-token-controller", Source: "service-account-token-controller", Workers: 5,
			Reads: []string{"serviceaccounts", "secrets"}, Writes: []string{"secrets"},
			New: func(d control.Dependencies, s Settings) (control.Controller, error) {
				if len(s.ServiceAccountKey) == 0 {
					return nil, ErrOff
				}
				return serviceaccounttoken.New(d, s.ServiceAccountKey, s.RootCA)
			},
		},
		{
			Name: "root-ca-certificate-publisher-controller", Identity: "root-ca-cert-publisher", Source: "root-ca-cert-publisher", Workers: 5,
			Reads: []string{"namespaces", "configmaps"}, Writes: []string{"configmaps"},
			New: func(d control.Dependencies, s Settings) (control.Controller, error) {
				if len(s.RootCA) == 0 {
					return nil, ErrOff
				}
				return rootca.New(d, s.RootCA)
			},
		},
		{
			Name: "namespace-controller", Identity: "namespace-controller", Source: "namespace-controller", Workers: 10,
			Reads: []string{"namespaces", "*"}, Writes: []string{"namespaces", "*"},
			New: plain(namespace.New),
		},
		{
			Name: "replicaset-controller", Identity: "replicaset-controller", Source: "replicaset-controller", Workers: 5,
			Reads: []string{"replicasets.apps", "pods"}, Writes: []string{"replicasets.apps", "pods"},
			New: plain(replicaset.New),
		},
		{
			Name: "replicationcontroller-controller", Identity: "replication-controller", Source: "replication-controller", Workers: 5,
			Reads: []string{"replicationcontrollers", "pods"}, Writes: []string{"replicationcontrollers", "pods"},
			New: plain(replicaset.NewForReplicationControllers),
		},
		{
			Name: "deployment-controller", Identity: "deployment-controller", Source: "deployment-controller", Workers: 5,
			Reads: []string{"deployments.apps", "replicasets.apps", "pods"}, Writes: []string{"deployments.apps", "replicasets.apps"},
			New: plain(deployment.New),
		},
		{
			Name: "daemonset-controller", Identity: "daemon-set-controller", Source: "daemonset-controller", Workers: 2,
			Reads:  []string{"daemonsets.apps", "controllerrevisions.apps", "pods", "nodes"},
			Writes: []string{"daemonsets.apps", "controllerrevisions.apps", "pods"},
			New:    plain(daemonset.New),
		},
		{
			Name: "statefulset-controller", Identity: "statefulset-controller", Source: "statefulset-controller", Workers: 5,
			Reads:  []string{"statefulsets.apps", "controllerrevisions.apps", "pods", "persistentvolumeclaims"},
			Writes: []string{"statefulsets.apps", "controllerrevisions.apps", "pods", "persistentvolumeclaims"},
			New:    plain(statefulset.New),
		},
		{
			Name: "job-controller", Identity: "job-controller", Source: "job-controller", Workers: 5,
			Reads: []string{"jobs.batch", "pods"}, Writes: []string{"jobs.batch", "pods"},
			New: plain(job.New),
		},
		{
			Name: "cronjob-controller", Identity: "cronjob-controller", Source: "cronjob-controller", Workers: 5,
			Reads: []string{"cronjobs.batch", "jobs.batch"}, Writes: []string{"cronjobs.batch", "jobs.batch"},
			New: plain(cronjob.New),
		},
		{
			Name: "ttl-after-finished-controller", Identity: "ttl-after-finished-controller", Source: "ttl-after-finished-controller", Workers: 5,
			Reads: []string{"jobs.batch"}, Writes: []string{"jobs.batch"},
			New: plain(ttlafterfinished.New),
		},
		{
			Name: "disruption-controller", Identity: "disruption-controller", Source: "controllermanager", Workers: 2,
			Reads:  []string{"poddisruptionbudgets.policy", "pods", "replicasets.apps", "deployments.apps", "statefulsets.apps", "replicationcontrollers"},
			Writes: []string{"poddisruptionbudgets.policy"},
			New:    plain(disruption.New),
		},
		{
			Name: "resourcequota-controller", Identity: "resourcequota-controller", Source: "resourcequota-controller", Workers: 5,
			Reads:  []string{"resourcequotas", "pods", "services", "persistentvolumeclaims", "configmaps", "secrets", "replicationcontrollers"},
			Writes: []string{"resourcequotas"},
			New:    plain(resourcequota.New),
		},
		{
			Name: "clusterrole-aggregation-controller", Identity: "clusterrole-aggregation-controller", Source: "clusterrole-aggregation-controller", Workers: 2,
			Reads: []string{"clusterroles.rbac.authorization.k8s.io"}, Writes: []string{"clusterroles.rbac.authorization.k8s.io"},
			New: plain(clusterroleaggregation.New),
		},
		{
			Name: "endpointslice-controller", Identity: "endpointslice-controller", Source: "endpoint-slice-controller", Workers: 5,
			Reads: []string{"services", "pods", "nodes", "endpointslices.discovery.k8s.io"}, Writes: []string{"endpointslices.discovery.k8s.io"},
			New: func(d control.Dependencies, s Settings) (control.Controller, error) {
				return endpointslice.New(d, s.MaxEndpointsPerSlice)
			},
		},
		{
			Name: "endpoints-controller", Identity: "endpoint-controller", Source: "endpoint-controller", Workers: 5,
			Reads: []string{"services", "pods", "endpoints"}, Writes: []string{"endpoints"},
			New: plain(endpoints.New),
		},
		{
			Name: "endpointslice-mirroring-controller", Identity: "endpointslicemirroring-controller", Source: "endpoint-slice-mirroring-controller", Workers: 5,
			Reads: []string{"endpoints", "services", "endpointslices.discovery.k8s.io"}, Writes: []string{"endpointslices.discovery.k8s.io"},
			New: plain(endpointslicemirroring.New),
		},
		{
			Name: "node-lifecycle-controller", Identity: "node-controller", Source: "node-controller", Workers: 4,
			Reads: []string{"nodes", "leases.coordination.k8s.io", "pods"}, Writes: []string{"nodes", "pods"},
			New: func(d control.Dependencies, s Settings) (control.Controller, error) {
				return nodelifecycle.New(d, nodelifecycle.Settings(s.Node))
			},
		},
		{
			Name: "taint-eviction-controller", Identity: "node-controller", Source: "taint-eviction-controller", Workers: 8,
			Reads: []string{"nodes", "pods"}, Writes: []string{"pods"},
			New: plain(tainteviction.New),
		},
		{
			Name: "node-ipam-controller", Identity: "node-controller", Source: "cidrAllocator", Workers: 4,
			Reads: []string{"nodes"}, Writes: []string{"nodes"},
			New: newNodeIPAM,
		},
		{
			Name: "pod-garbage-collector-controller", Identity: "pod-garbage-collector", Source: "pod-garbage-collector", Workers: 2,
			Reads: []string{"pods", "nodes"}, Writes: []string{"pods"},
			New: func(d control.Dependencies, s Settings) (control.Controller, error) {
				return podgc.New(d, s.TerminatedPods)
			},
		},
		{
			Name: "certificatesigningrequest-approving-controller", Identity: "certificate-controller", Source: "certificate-controller", Workers: 2,
			Reads: []string{"certificatesigningrequests.certificates.k8s.io"}, Writes: []string{"certificatesigningrequests.certificates.k8s.io"},
			New: plain(csr.NewApprover),
		},
		{
			Name: "certificatesigningrequest-signing-controller", Identity: "certificate-controller", Source: "certificate-controller", Workers: 2,
			Reads: []string{"certificatesigningrequests.certificates.k8s.io"}, Writes: []string{"certificatesigningrequests.certificates.k8s.io"},
			New: newSigner,
		},
		{
			Name: "certificatesigningrequest-cleaner-controller", Identity: "certificate-controller", Source: "certificate-controller", Workers: 1,
			Reads: []string{"certificatesigningrequests.certificates.k8s.io"}, Writes: []string{"certificatesigningrequests.certificates.k8s.io"},
			New: plain(csr.NewCleaner),
		},
		{
			Name: "bootstrap-signer-controller", Identity: "bootstrap-signer", Source: "bootstrap-signer", Workers: 1, OnRequest: true,
			Reads: []string{"configmaps", "secrets"}, Writes: []string{"configmaps"},
			New: plain(bootstraptokens.NewSigner),
		},
		{
			Name: "token-cleaner-controller", Identity: "token-cleaner", Source: "token-cleaner", Workers: 1, OnRequest: true,
			Reads: []string{"secrets"}, Writes: []string{"secrets"},
			New: plain(bootstraptokens.NewCleaner),
		},
		{
			Name: "legacy-serviceaccount-token-cleaner-controller", Identity: "legacy-service-account-token-cleaner", Source: "legacy-service-account-token-cleaner", Workers: 1,
			Reads: []string{"secrets", "serviceaccounts", "configmaps", "pods"}, Writes: []string{"secrets"},
			New: func(d control.Dependencies, s Settings) (control.Controller, error) {
				return legacytoken.New(d, s.LegacyTokenPeriod)
			},
		},
		{
			Name: "garbage-collector-controller", Identity: "generic-garbage-collector", Source: "garbage-collector-controller", Workers: 20,
			Reads: []string{"*"}, Writes: []string{"*"},
			New: func(d control.Dependencies, s Settings) (control.Controller, error) {
				return garbagecollector.New(d, s.Shared)
			},
		},
	}
}

// newNodeIPAM makes node-ipam-controller when nodes are to get parts of the cluster's ranges.
func newNodeIPAM(d control.Dependencies, s Settings) (control.Controller, error) {
	if !s.AllocateNodeCIDRs {
		return nil, ErrOff
	}
	if len(s.ClusterCIDRs) == 0 {
		return nil, errors.New("node addresses are to be allocated, but no range is given (--cluster-cidr)")
	}
	var ranges []nodeipam.Range
	for _, prefix := range s.ClusterCIDRs {
		size := s.NodeCIDRMaskSizeIPv4
		if prefix.Addr().Is6() {
			size = s.NodeCIDRMaskSizeIPv6
		}
		ranges = append(ranges, nodeipam.Range{Prefix: prefix, PartSize: size})
	}
	return nodeipam.New(d, ranges, s.ServiceCIDRs)
}

// newSigner makes the signing controller when there is an authority.
func newSigner(d control.Dependencies, s Settings) (control.Controller, error) {
	if len(s.Signing) == 0 {
		return nil, ErrOff
	}
	authorities := map[string]csr.Authority{}
	for name, pair := range s.Signing {
		authorities[name] = csr.Authority(pair)
	}
	return csr.NewSigner(d, authorities, s.SigningDuration)
}
