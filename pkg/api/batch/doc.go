// Package batch declares the resources of the API group batch, v1. TestPrepareJob and the table goldens of pkg/api show it.
package batch
