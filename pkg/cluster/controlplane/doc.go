// Package controlplane says how the control plane of a cluster made by proa is set up: the flags of its components, from the
// cluster's certificates and addresses, for programs; and the options of the API server that follow from its flags, for the
// one in this process.
//
// Shown by flags_test.go, and by every cluster that a test makes.
package controlplane
