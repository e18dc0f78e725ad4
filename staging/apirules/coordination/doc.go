// Package coordination owns the rules of coordination.k8s.io/v1: leases.
//
// In: v1 objects. Out: defaults filled in, field.ErrorList and warnings. It reads no clock.
//
// rules_test.go shows each rule by one mutation of a valid object.
package coordination
