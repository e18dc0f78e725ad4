// Package scheduling declares the resources of the API group scheduling.k8s.io, v1. The table goldens of pkg/api show them.
package scheduling
