// Package serviceaccount gives each namespace its service account named default.
//
// It owns that account's existence, and nothing else of it: what others write into the account stays. In come
// namespaces and service accounts; out go new service accounts. controller_test.go shows it.
package serviceaccount
