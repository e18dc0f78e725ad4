// Package scheduling owns the rules of scheduling.k8s.io/v1: priority classes.
//
// In: v1 objects. Out: defaults filled in, field.ErrorList and warnings. That only one class is the global default is for admission.
//
// rules_test.go shows each rule by one mutation of a valid object.
package scheduling
