// Package networking declares the resources of the API group networking.k8s.io, v1. The table goldens of pkg/api show them.
package networking
