// Package rbac authorizes requests by the roles that are bound to a user (rbac.authorization.k8s.io/v1), and lists the
// rules that apply to one.
//
// In: informers of roles and bindings, to which it adds an index by subject, so that a request costs a look at the
// bindings of its user and groups and not at all there are. Out: an authorizer.Authorizer and an
// authorizer.RuleResolver. It never reads storage and never grants more than a binding says.
//
// TestAuthorize shows it.
package rbac
