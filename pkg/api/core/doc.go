// Package core declares the resources of the core API group, v1.
package core
