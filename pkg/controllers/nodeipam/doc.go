// Package nodeipam gives each node its part of the cluster's ranges of pod addresses.
//
// It owns spec.podCIDR and spec.podCIDRs of nodes that have none. In come nodes; out go patches of nodes. Which parts
// are taken follows from the nodes alone, so that nothing need be stored. Parts that overlap with service addresses are
// never given.
//
// There is no plan here: what a node gets follows from all nodes together, which the allocator keeps and changes as it gives,
// so that two workers never give the same part. Which part is next is its pure part.
//
// allocator_test.go shows the choice of parts, controller_test.go the controller.
package nodeipam
