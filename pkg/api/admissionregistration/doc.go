// Package admissionregistration declares the resources of the API group admissionregistration.k8s.io, v1. The table goldens of pkg/api show them.
package admissionregistration
