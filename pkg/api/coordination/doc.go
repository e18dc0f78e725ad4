// Package coordination declares the resources of the API group coordination.k8s.io, v1. The table goldens of pkg/api show them.
package coordination
