// Package cluster is what `proa` does around the control plane: it makes a whole cluster of this machine and takes it
// away again.
//
// In: a Config (directories, names, addresses, how many nodes). Out: a running cluster, an account of its start, and a machine
// that is as it was when the cluster has been taken down. The order is in steps (what starts after what), the parts are in
// packages of their own: ledger (host changes), pki, etcd, controlplane, node (what runs on every node), service (a process that
// can be watched and asked), control (the socket that the commands talk to), program (programs in place of our parts), images,
// preflight, directory (removes what is ours); components.go lists the parts of Kubernetes. This package joins them and decides
// nothing about Kubernetes.
//
// Somebody restarts it: package keeper is the parent that starts the server again when it falls, package crash knows which part
// made it fall, and falls.go leaves out one that does it again and again. Where systemd is the init, the keeper runs in a unit of
// the cluster (package unit), which starts with the machine.
//
// The first node is the machine itself. Further nodes are machines of namespaces on it (package machine), each with an agent
// (package agent) that runs the same parts on client-go; fleet.go and the files of member start, stop and end them, records.go remembers
// them. Each has a process namespace, so that one signal to its first process is a power cut, and its own directories, cgroup
// and address on a bridge.
//
// Shown by config_test.go and records_test.go (names and places), falls_test.go (a controller that falls again and again),
// certificates_test.go (renewal while everything runs), by the tests of package command, which start real parts, kill
// and restart them, and look for what is left on the machine, by test/e2e/nodes, and by test/e2e/neighbours (two clusters on one machine).
package cluster
