package cluster

import "github.com/proa-sh/proa/pkg/cluster/steps"

// components lists the parts of Kubernetes that run in this process, each after the steps it needs.
func components(*Environment) []steps.Step {
	return []steps.Step{}
}
