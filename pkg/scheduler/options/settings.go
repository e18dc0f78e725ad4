package options

import (
	"github.com/proa-sh/proa/pkg/component"
	"github.com/proa-sh/proa/pkg/scheduler/config"
)

// Accepted says what becomes of all flags and of all fields of the configuration file.
func (o *Options) Accepted() component.Settings {
	s := component.Settings{Flags: component.OneVersion(), Fields: fieldTable(), Defaults: config.New(), File: o.ConfigFile}
	// Validate tells of a file that cannot be read.
	if cfg, err := o.Configuration(); err == nil {
		s.Warnings = config.Warnings(cfg)
	}
	return s
}

// fieldTable has all fields of KubeSchedulerConfiguration. Profiles and what lies below them are checked by config.Validate.
func fieldTable() component.Table {
	return component.Table{
		"leaderElection.resourceLock": component.Refused("the lock is a Lease").But("", "leases"),

		"clientConnection.acceptContentTypes": {},
		"clientConnection.burst":              {},
		"clientConnection.contentType":        {},
		"clientConnection.kubeconfig":         {},
		"clientConnection.qps":                {},
		"delayCacheUntilActive":               {},
		"enableContentionProfiling":           {},
		"enableProfiling":                     {},
		"extenders":                           {}, // refused by config.Validate
		"leaderElection.leaderElect":          {},
		"leaderElection.leaseDuration":        {},
		"leaderElection.renewDeadline":        {},
		"leaderElection.resourceName":         {},
		"leaderElection.resourceNamespace":    {},
		"leaderElection.retryPeriod":          {},
		"parallelism":                         {},
		"percentageOfNodesToScore":            {},
		"podInitialBackoffSeconds":            {},
		"podMaxBackoffSeconds":                {},
		"profiles":                            {},
	}
}
