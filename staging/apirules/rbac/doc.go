// Package rbac owns the rules of rbac.authorization.k8s.io/v1: roles and bindings.
//
// In: v1 objects. Out: defaults filled in, field.ErrorList and warnings. Whether a user may grant what a role holds is for the server to ask (escalation, bind).
//
// rules_test.go shows each rule by one mutation of a valid object.
package rbac
