// Package statefulset keeps the pods of StatefulSets: numbered, with names, claims and host names that stay, made and
// ended in order or all at once, and updated from the last to the first.
//
// It owns the pods and revisions that a StatefulSet controls, creates the claims of its templates, and owns its status.
// In come sets, pods, claims and revisions; out go pods, claims, revisions and status writes. Claims are deleted only
// where the set's retention policy says so, by making the set or the pod their owner.
//
// identity.go makes pods, plan.go decides, claims.go has the claims' owners. plan_test.go shows the decisions,
// controller_test.go the whole controller.
package statefulset
