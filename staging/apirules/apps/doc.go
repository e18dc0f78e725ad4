// Package apps owns the rules of apps/v1: deployments, replica sets, stateful sets, daemon sets and controller revisions.
//
// In: v1 objects. Out: defaults filled in, field.ErrorList and warnings. Pod templates are ruled by package core. It does
// not know generations or what a strategy resets, with one exception that clients can see: the deprecated template
// generation of daemon sets (PrepareDaemonSet).
//
// *_test.go show each rule by one mutation of a valid object.
package apps
