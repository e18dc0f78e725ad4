// Package apiserver is the API server: it says how the resources that pkg/api declares are served.
//
// [New] builds, from the options of package options, a chain of three servers of k8s.io libraries: the aggregator, which
// passes groups with an APIService of another server on (k8s.io/kube-aggregator); the core server with pkg/api's groups;
// and custom resources (k8s.io/apiextensions-apiserver). Around them stand authentication (authn), authorization
// (authz), priority and fairness, audit and admission (admission). [Server.Run] serves until its context ends.
//
// The OpenAPI documents are built when they are asked for (documents).
//
// What is particular to a resource, beyond its descriptor, lies in registry: subresources that are actions (binding,
// eviction, exec, log, proxy, token), reviews, and the allocation of service addresses (ipalloc). What has to exist in
// every cluster is kept by upkeep, from the data of bootstrap.
//
// Components in the same process use inprocess: [Server.Informers] and [Server.ClientConfig].
//
// It never imports a controller, the scheduler or the kubelet. TestServer in test/integration shows it, against a real etcd.
package apiserver
