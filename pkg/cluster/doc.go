// Package cluster is what `proa` does around the control plane: it makes a whole cluster of this machine and takes it
// away again.
//
// In: a Config (directories, names, addresses). Out: a running cluster, an account of its start, and a machine that is as
// it was when the cluster has been taken down. The order is in steps (what starts after what), the parts are in packages
// of their own: ledger (host changes), pki, etcd, containerd, images, preflight, control (the socket that the commands
// talk to); components.go lists the parts of Kubernetes. This package joins them and decides nothing about Kubernetes.
//
// Shown by config_test.go (names and places), and by the tests of package command, which start real parts, kill and
// restart them, and look for what is left on the machine.
package cluster
