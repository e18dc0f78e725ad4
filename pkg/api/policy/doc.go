// Package policy declares the resources of the API group policy, v1. The table goldens of pkg/api show them.
package policy
