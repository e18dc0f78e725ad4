// Package network connects the pods of a node: to each other, to the pods of other
// nodes and to the world.
//
// In come the Nodes (their pod prefixes and addresses) from an informer; out go kernel
// settings (forwarding), an nftables table "proa-network" that gives pods the node's
// address when they leave the cluster, routes to the pods of nodes that share a link with
// this one, and a CNI configuration by which the container runtime attaches pods to a
// bridge. Where the machine's own filter drops what is passed on, as Docker and ufw set it, rules for
// pods go into that filter (firewall.go): no table of ours could let through what another drops. Pods of nodes that share no link are reached where the default route leads.
// Every change of the host is told to a Ledger first, so that it can be undone.
//
// The package never creates the bridge itself (the CNI plugin does), never serves
// Services (package proxy does), and works in the network namespace of the process.
// Package dns holds the cluster's name service.
//
// conflist_test.go and routes_test.go show the pure parts; node_test.go applies
// everything in a network namespace of its own and sends packets through it.
package network
