// Package policy owns the rules of policy/v1: pod disruption budgets.
//
// In: v1 objects. Out: defaults filled in, field.ErrorList and warnings. It counts no pods.
//
// rules_test.go shows each rule by one mutation of a valid object.
package policy
