// Package manifests holds data that is built into the binaries: the objects that every cluster starts with and add-ons.
// Example workloads for users lie beside them.
package manifests

import "embed"

// Bootstrap has the default roles, bindings and flow control objects of a v1.36 API server: rbac.json and
// flowcontrol.json.
//
//go:embed bootstrap
var Bootstrap embed.FS
