// Package domains keeps counts over all nodes up to date for plugins that ask "how many such pods are there in this
// topology domain".
//
// Counting all pods of the cluster anew for each pod that is scheduled is what makes pod affinity and spreading slow.
// Pods of one workload ask the same question; so its answer is kept (Memo) and brought up to date from the snapshot's
// change log (Sync): placing a pod changes one count.
//
// In come snapshots and a function that counts one node. The package belongs to the goroutine that runs cycles, and
// knows nothing of what is counted. Tests: TestSync (kept counts equal fresh ones), TestMemo, TestCounts.
package domains
