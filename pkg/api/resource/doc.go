// Package resource declares the resources of the API group resource.k8s.io, v1. The table goldens of pkg/api show them.
package resource
