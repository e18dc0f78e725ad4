// Package daemonset runs one pod of a DaemonSet on each node that it is meant for.
//
// It owns the pods and revisions that a DaemonSet controls, and its status. In come DaemonSets, nodes, pods and revisions;
// out go pods (bound to their node by affinity, so that the scheduler places them), revisions and status writes. It never
// binds or evicts.
//
// nodes.go decides which nodes are meant, plan.go what each of them needs, rolling.go how updates go on. plan_test.go
// shows the decisions, controller_test.go the whole controller.
package daemonset
