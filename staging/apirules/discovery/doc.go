// Package discovery owns the rules of discovery.k8s.io/v1: endpoint slices.
//
// In: v1 objects. Out: defaults filled in, field.ErrorList and warnings. It does not know the endpoints' services.
//
// rules_test.go shows each rule by one mutation of a valid object.
package discovery
