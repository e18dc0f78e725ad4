// Package clusterauth publishes how clients of this API server prove who they are, for aggregated API servers that trust
// the same proofs: the ConfigMap extension-apiserver-authentication in kube-system, with the CA of client certificates,
// the CA of front proxies and the headers that they set.
//
// In: what this server trusts now. Out: the ConfigMap, to which every server of the cluster adds its own; certificates
// that have expired are taken out. It is written when it or a CA file changes, and never otherwise.
//
// TestMerge shows the content and TestKeeper the rest.
package clusterauth
