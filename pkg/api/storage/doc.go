// Package storage declares the resources of the API group storage.k8s.io, v1. The table goldens of pkg/api show them.
package storage
