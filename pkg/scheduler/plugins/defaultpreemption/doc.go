// Package defaultpreemption is the plugin DefaultPreemption: when a pod fits nowhere, it evicts less important pods from
// a node on which the pod then fits, and nominates that node for the pod.
//
// It extends postFilter. dryrun.go finds the pods to evict on one node, without effect; select.go chooses among nodes,
// both pure. Disruption budgets are respected where possible and broken where not. evict.go acts.
//
// Tests: TestPostFilter (whole decisions), TestSplitByBudget, TestBest.
package defaultpreemption
