// Package authn finds out who makes a request: by client certificate, by the headers of a front proxy, or by a bearer
// token, which may be of a service account (package tokens), of a component in this process ([Identities]), static, a
// bootstrap token (package bootstraptokens) or known to a webhook.
//
// In: what package options says, and objects to look tokens up. Out: an authenticator.Request.
package authn
