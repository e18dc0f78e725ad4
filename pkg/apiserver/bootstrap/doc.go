// Package bootstrap makes what has to exist in every cluster: system namespaces, default roles and bindings, priority
// classes, flow control, the Service kubernetes and its endpoints, the default ServiceCIDR.
//
// The objects are data (manifests/bootstrap), as a v1.36 cluster has them. [Ensure] creates what is missing, all at
// once; roles and bindings that exist are brought up to date unless their autoupdate annotation forbids it, as
// documented for RBAC. It never deletes anything.
//
// TestEnsure in test/integration shows it, against a real API server.
package bootstrap
