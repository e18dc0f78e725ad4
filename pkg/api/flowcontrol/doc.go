// Package flowcontrol declares the resources of the API group flowcontrol.apiserver.k8s.io, v1. The table goldens of pkg/api show them.
package flowcontrol
