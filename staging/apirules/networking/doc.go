// Package networking owns the rules of networking.k8s.io/v1: network policies, ingresses and their classes, service ranges and allocated addresses.
//
// In: v1 objects. Out: defaults filled in, field.ErrorList and warnings. It allocates nothing.
//
// rules_test.go shows each rule by one mutation of a valid object.
package networking
