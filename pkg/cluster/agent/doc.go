// Package agent is what a further node runs: the parts of a node (package node) in one process, on one set of informers over
// the network.
//
// In: a file with a Config. Out: a node, until it is asked over its control socket to end. If it is asked to end the pods too,
// Run returns without an error, and then the machine (package machine) is switched off; any other end is an error, after which
// the machine starts the agent again, while its pods go on. It waits for the API server by following the cluster's control
// socket, and tells there why it has ended.
//
// Shown by test/e2e/nodes.
package agent
