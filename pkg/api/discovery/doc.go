// Package discovery declares the resources of the API group discovery.k8s.io, v1. The table goldens of pkg/api show them.
package discovery
