// Package ipalloc allocates what Services need exactly once in a cluster: cluster IPs and node ports.
//
// A cluster IP is taken by creating the IPAddress object of that name (KEP-1880), a node port by setting its bit in the
// object ranges/servicenodeports, both under upstream's keys: storage decides between servers that want the same one.
// [Addresses] and [Ports] know nothing of Services but their names; pkg/apiserver/registry says who needs what.
//
// A write of a Service whose answer does not come leaves it open whose the address and the port are; [Doubts] remembers it.
//
// TestPorts shows ports against a real etcd, TestAddresses addresses, TestServices in test/integration both, and TestDoubts
// of pkg/apiserver/registry the writes without an answer.
package ipalloc
