// Package admissionregistration owns the rules of admissionregistration.k8s.io/v1: webhook configurations and admission policies.
//
// In: v1 objects. Out: defaults filled in, field.ErrorList and warnings. CEL expressions have to be there; that they compile is for the server to find out, which has the environment.
//
// rules_test.go shows each rule by one mutation of a valid object.
package admissionregistration
