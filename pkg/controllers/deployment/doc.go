// Package deployment rolls out pod templates: it moves replicas from the ReplicaSets of older templates to that of the
// newest one, at the pace that the Deployment's strategy allows, and tells in the status how far that is.
//
// It owns the ReplicaSets that a Deployment controls (their number, sizes and revision annotations) and the Deployment's
// status and revision annotation. In come Deployments, ReplicaSets and, for the Recreate strategy, pods; out go writes of
// Deployments and ReplicaSets. It never touches pods.
//
// plan.go decides (rolling.go and proportion.go by situation), status.go describes, controller.go acts.
// plan_test.go and status_test.go show the decisions, controller_test.go the whole controller.
package deployment
