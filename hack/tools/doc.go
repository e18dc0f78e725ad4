// Package tools pins the programs that Proa runs but does not write: containerd with its runc shim and ctr, the CNI
// plugins and CoreDNS. It is a module of its own, so that their dependencies never meet ours.
//
// In: module versions (go.mod). Out: static programs in the repository's bin directory, made by ./build.
// containerd and coredns are mains of our own that link only the plugins a cluster uses; the others are the published
// mains, kept in go.mod by its tool lines. It never holds code of the product.
//
// Shown by: `make tools` (build), and by the tests of pkg/cluster/containerd, which run the results.
package tools
