// Package nodeipam gives each node its part of the cluster's ranges of pod addresses.
//
// It owns spec.podCIDR and spec.podCIDRs of nodes that have none. In come nodes; out go patches of nodes. Which parts
// are taken follows from the nodes alone, so that nothing need be stored. Parts that overlap with service addresses are
// never given.
//
// allocator_test.go shows the choice of parts, controller_test.go the controller.
package nodeipam
