// Package certificates owns the rules of certificates.k8s.io/v1: certificate signing requests.
//
// In: v1 objects. Out: defaults filled in, field.ErrorList and warnings. It parses requests and certificates, and signs none.
//
// rules_test.go shows each rule by one mutation of a valid object.
package certificates
