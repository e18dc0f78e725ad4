// Package binaries runs the five component binaries as an installer such as kubeadm does: an etcd, certificates, kubeconfigs
// with the identities of the components, upstream's flags and configuration files, a containerd and a CNI configuration of
// the test's own. It shows that each binary can stand where its upstream namesake stood. It imports nothing of the product.
//
// The test runs in network, mount and process namespaces of its own: it needs no free port, may run beside a cluster, and
// leaves nothing when it is killed. It needs root, `make tools build images`, and runc, nft and conntrack of the system.
package binaries
