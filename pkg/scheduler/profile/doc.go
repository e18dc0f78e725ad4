// Package profile runs the plugins of one scheduling profile: which of them are called at which extension point, in
// which order, and what their answers add up to. It implements the published framework.Handle for them.
//
// FindNode is the scheduling cycle's decision: a function of a pod and the shared snapshot. It filters nodes, ranks
// those that are left, and returns the best, or a FitError with every node's reason. Reserve, Permit, PreBind, Bind and
// PostBind are offered one by one for the scheduler to call in its own time.
//
// In come plugins (made by the factories given), a snapshot that its owner updates between cycles, and pods. Out go
// decisions. The package keeps no pods but those waiting at Permit, writes nothing to the API server itself, and knows
// no plugin by name.
//
// FindNode and what it calls belong to the one goroutine that runs cycles; they use scratch memory of the Profile. Filter
// and Score are called for many nodes at a time, and so from many goroutines. The points after them may run concurrently
// for many pods.
//
// Tests: TestFindNode (decisions and their reasons), TestFilterOnAllCores, TestNominatedPods, TestExtensionPoints (order
// and meaning of answers), TestWaitingPods, TestCycleState.
package profile
