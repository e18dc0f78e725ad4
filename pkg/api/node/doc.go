// Package node declares the resources of the API group node.k8s.io, v1. The table goldens of pkg/api show them.
package node
