// Package node owns the rules of node.k8s.io/v1: runtime classes.
//
// In: v1 objects. Out: defaults filled in, field.ErrorList and warnings. It knows no runtime.
//
// rules_test.go shows each rule by one mutation of a valid object.
package node
