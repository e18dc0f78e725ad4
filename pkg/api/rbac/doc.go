// Package rbac declares the resources of the API group rbac.authorization.k8s.io, v1. The table goldens of pkg/api show them.
package rbac
