// Package proxy is the service proxy of a node: it makes Services reachable from the
// node, its pods and the outside, with nftables (no other mode).
//
// In come Services, EndpointSlices and the node's Node object from informers. The
// tracker keeps what is there and what changed; the syncer takes the changes of about a
// millisecond together, asks package model what they mean, and gives the difference to
// package nftables (rules), conntrack (stale UDP entries) and health (health check
// ports). Out goes kernel state in the network namespace of the process, and HTTP for
// load balancers. Nothing is polled; a full check of the kernel's state happens rarely,
// and when somebody else changed it.
//
// The proxy never writes to the API and never touches tables that are not its own.
// proxy_test.go runs the whole with a fake clientset, real nftables and real
// connections in a network namespace of its own.
package proxy
