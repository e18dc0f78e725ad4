// Package upkeep keeps true what the API server itself has to keep true in its cluster: the system namespaces, the default
// roles and bindings, the priority classes, the flow control, the Service kubernetes and its endpoints, the ServiceCIDRs,
// the day since which uses of tokens are noted, and that every cluster IP and node port belongs to just the Service that has it.
//
// Each is a [Part], one literal list in [Parts]. A part observes and mends; it does so when the server starts, when an
// object of its concern changes, and when it has asked to be called again. A part that fails is tried again, after a pause
// that grows, and holds nothing else up. Several servers on one etcd each run all parts; they agree because storage
// decides.
//
// In: informers and a client of the server itself, the allocators of package ipalloc, the leases of the servers. What has to
// exist is data (manifests/bootstrap, read by package bootstrap). It deletes nothing but what nobody has: addresses and
// ports without Service, endpoints of servers that have gone.
//
// TestLoop shows when parts run, TestRepair the addresses and ports, TestUpkeep in test/integration all of it.
package upkeep
