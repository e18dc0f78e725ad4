// Package node is what runs on every node of a cluster: containerd with the images that all need, kubelet, service proxy and
// pod network.
//
// In: a Config (names, addresses, directories), and an API, which is how the node's parts reach the API server: in the process
// (the first node, which is the machine itself), or over the network with the node's own certificates (Remote). Out: a list of
// steps. Everything of a node is below its two directories, DataDir and RunDir, and in its cgroup; changes to the host go to
// the ledger before they are made. The package knows nothing of other nodes and of how a node comes to be a machine.
//
// Shown by config_test.go (places), and by test/e2e/nodes, where the same parts make three nodes.
package node
