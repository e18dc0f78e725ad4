// Package eviction keeps the node alive when memory, disk or processes run short: it says which pressure the node is under,
// and ends pods, one at a time, until the pressure is gone.
//
// It owns the thresholds with their grace and transition periods ([State.Decide], pure), the order in which pods go ([Rank],
// pure) and the loop between them ([Manager]). In come observations of the node, the pods and what they use; out go the
// node's pressures, the wish to free disk space that nobody needs, and the pod to end with the words for its status. It ends
// no pod itself, and never a critical one. Pods that have more on the node's disk than they are allowed ([OverLimit], pure) go
// too, whether it runs short or not. TestDecide, TestRank, TestOverLimit and TestManager show it.
package eviction
