// Package cache is the scheduler's memory of the cluster: which nodes there are, and which pods each of them
// carries or was promised.
//
// In come nodes and pods from informers, and promises ("assumed" pods) from the scheduling cycle, which counts a
// pod on its node from the moment it is placed, before the API server knows. The informer confirms the promise; a
// failed binding makes the scheduler forget it.
//
// Out goes a Snapshot for scheduling cycles. A NodeInfo that has been handed to a snapshot is never written again:
// the cache replaces it by a changed copy, so a snapshot costs as much as there are changed nodes, not as there are
// nodes. The snapshot also keeps a short log of those replacements (Changes), from which anything that is counted
// over all nodes can be kept up to date instead of being recounted.
//
// The package never talks to the API server, never decides anything, and never changes an object it was given.
//
// Tests: TestCacheScenario (pods and nodes coming and going, assumed pods), TestSnapshot (copy on write, change
// log), BenchmarkNodeInfo (what a node with 110 pods costs).
package cache
