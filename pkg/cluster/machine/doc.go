// Package machine makes machines of namespaces: each with its own network, mounts, host name, processes and IPC, on this one.
//
// In: a Config (names, an address, the program that is to run). Out: a process, the first of the machine, which outlives
// whoever started it and is found again by its mark (package process). When it is killed everything of the machine ends at the
// same moment, as in a power cut. Its network is made before it lives: a veth pair from a bridge of the host to eth0. The
// package keeps nothing, and tells no ledger: whoever calls it does, before.
//
// Shown by machine_test.go, in real namespaces.
package machine
