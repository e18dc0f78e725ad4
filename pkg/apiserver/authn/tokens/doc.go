// Package tokens issues and verifies the bound tokens of service accounts (KEP-1205), which are JSON web tokens
// (RFC 7519) with the private claim "kubernetes.io", and describes their keys to others (OpenID Connect Discovery).
//
// A token is valid while its signature, issuer, audience and times are, and while the service account and the pod,
// secret or node that it is bound to exist with the same UID. The package asks for those through [Objects] and never
// keeps state of its own. TestTokens shows it.
//
// Tokens of Secrets of type kubernetes.io/service-account-token, which a controller signs, are verified too (legacy.go); the
// use of each is noted on its Secret, once a day. TestLegacyTokens shows it.
package tokens
