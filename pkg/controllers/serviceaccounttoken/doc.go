// Package serviceaccounttoken fills Secrets of type kubernetes.io/service-account-token and deletes them with their account.
//
// It owns the data token, ca.crt and namespace of such Secrets and the annotation that names their account's UID. In come
// Secrets and service accounts, out go updates and deletions of Secrets. Whether a Secret is written or deleted is decided
// once more with the account as the server has it, since a cache may not know an account yet that a Secret names. The tokens
// have no end, and are verified by package tokens of the API server as long as their Secret holds them.
//
// plan_test.go shows the decision, controller_test.go the life of a Secret; the whole, with a real API server that verifies
// the token, is in package controllermanager.
package serviceaccounttoken
