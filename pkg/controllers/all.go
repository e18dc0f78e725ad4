package controllers

import (
	"errors"

	"github.com/proa-sh/proa/pkg/controllers/control"
	"github.com/proa-sh/proa/pkg/controllers/deployment"
	"github.com/proa-sh/proa/pkg/controllers/namespace"
	"github.com/proa-sh/proa/pkg/controllers/replicaset"
	"github.com/proa-sh/proa/pkg/controllers/rootca"
	"github.com/proa-sh/proa/pkg/controllers/serviceaccount"
)

// ErrOff is returned by a constructor whose settings say that the controller has nothing to do.
var ErrOff = errors.New("controller is switched off by its settings")

// Entry describes one controller.
type Entry struct {
	// Name is upstream's name of the controller, by which it is selected.
	Name string
	// Identity is the service account in namespace kube-system in whose name it speaks.
	Identity string
	// Source is the component that its events name.
	Source string
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
	}
}
