// Package podgc deletes pods that nobody else will ever end: pods of nodes that have gone, pods that are being deleted
// and never had a node, pods that are being deleted on nodes declared out of service, and the oldest ended pods when
// there are too many.
//
// It owns no object; in come pods and nodes, out go deletions without grace, after the phase and a condition that says
// why have been written. plan_test.go shows which pods go, controller_test.go the controller.
package podgc
