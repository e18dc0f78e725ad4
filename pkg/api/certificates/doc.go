// Package certificates declares the resources of the API group certificates.k8s.io, v1. The table goldens of pkg/api show them.
package certificates
