// Package tainteviction deletes the pods that do not tolerate the NoExecute taints of their node, at once or after the
// time that their tolerations give.
//
// It owns no object; in come nodes and pods, out go a condition on the pod that says why, and its deletion. The time of
// a toleration starts when this process first sees the pod on the tainted node, and starts anew when taints have gone in
// between.
//
// plan_test.go shows when pods go, controller_test.go the controller.
package tainteviction
