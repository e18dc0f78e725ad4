// Package netnstest gives tests a network of their own: Main runs the test binary
// again in a fresh network namespace, in which Cluster builds a node with a bridge,
// pods behind it and a client outside, each in a further namespace. Everything
// vanishes with the process, also when it crashes.
//
// Tests of the proxy's packages use it to send real connections through real rules.
// It needs root, and never touches the namespace that the tests were started in.
// The kernel tests of package nftables show it.
package netnstest
