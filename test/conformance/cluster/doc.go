// Package cluster starts and ends the cluster that the suite runs against, by the command proa as any user would.
//
// In: where proa is, how many nodes. Out: a fresh cluster in a data directory of its own, and its kubeconfig. It knows
// nothing of specs. Shown by a run.
package cluster
