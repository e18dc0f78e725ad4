// Package nodelifecycle watches over the lives of nodes: it marks nodes that have fallen silent, keeps the taints that
// tell the scheduler and the eviction controller of a node's condition, and marks the pods of lost nodes as not ready.
//
// It owns the taints node.kubernetes.io/* that follow from conditions, and the status of conditions of silent nodes. In
// come nodes, leases (the heartbeats) and pods; out go patches of taints, node status and pod conditions. It evicts no
// pod: that is package tainteviction.
//
// Taints that bar a node go the moment the node is ready. Taints that drive pods away come at a bounded rate per zone,
// and not at all when every node seems lost, since then the fault is rather on this side.
//
// plan_test.go shows conditions and taints, zones_test.go the rates, controller_test.go the controller.
package nodelifecycle
