// Package noderesourcesfit is the plugin NodeResourcesFit: a node fits a pod if what is left of each resource, and of
// the number of pods, is enough for the pod's requests. It ranks nodes by how much of their resources is taken.
//
// It extends preFilter, filter, preScore and score. In come the pod's requests, the node's sums (kept by the cache) and
// NodeResourcesFitArgs. It holds nothing between cycles.
//
// Tests: TestFilter, TestScore (all strategies), TestHints, BenchmarkFilter.
package noderesourcesfit
