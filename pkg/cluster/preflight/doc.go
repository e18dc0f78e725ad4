// Package preflight finds out, before anything is changed, whether this machine can run a cluster.
//
// In: what the cluster will need (Needs). Observe looks at the machine and gives Facts; Check, which is pure, turns both
// into problems, each of one line that says what is wrong and one that says what to do. It changes nothing: a port that it
// tried is free again when it returns.
//
// Shown by check_test.go, a table of machines, observe_test.go on this one, and neighbours_test.go (pods of another kubelet).
package preflight
