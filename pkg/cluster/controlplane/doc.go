// Package controlplane says how the control plane of a cluster made by proa is set up: the API server's options from the
// cluster's certificates and addresses, and the identity of each component that runs in its process.
package controlplane
