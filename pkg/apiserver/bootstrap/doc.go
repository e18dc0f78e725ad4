// Package bootstrap has the objects that have to exist in every cluster, as a v1.36 cluster has them: default roles and
// bindings, priority levels and flow schemas. They are data (manifests/bootstrap); package upkeep makes and keeps them.
package bootstrap
