// Package legacytoken takes away the tokens in Secrets that nobody has used for long (KEP-2799).
//
// It owns the label kubernetes.io/legacy-token-invalid-since of Secrets of type kubernetes.io/service-account-token that
// clusters before v1.24 made by themselves: those that their service account lists. In come Secrets, service accounts, pods,
// and the ConfigMap kube-system/kube-apiserver-legacy-service-account-token-tracking, in which the API server says since when
// it notes the use of tokens; out go labels and deletions. A token that has not been used for the whole period, by default a
// year, is marked as invalid, upon which the API server refuses it; after a second period it is deleted. Who finds out that it
// is needed takes the label off. Tokens that a person made, or that a pod refers to, are left alone.
//
// Dates are days in UTC. plan_test.go shows the decisions, the histories of legacy tokens in test/histories the years.
package legacytoken
