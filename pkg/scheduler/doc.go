// Package scheduler gives pods nodes.
//
// In come pods, nodes and what plugins ask for, from shared informers, and a KubeSchedulerConfiguration. Out go
// bindings, evictions of less important pods, the pods' PodScheduled condition and nominated node, and events. The
// scheduler never starts or stops informers, never changes an object it was given, and never writes but through its
// client.
//
// One goroutine runs cycles (cycle.go): it takes a pod from the queue, brings the snapshot up to date, lets the pod's
// profile decide, counts the pod on its node in the cache, and goes on. The binding (bind.go) follows in a goroutine of
// its own, of which there is a bounded number. What fails comes back to the queue (failure.go). Informer handlers
// (handlers.go for pods and nodes, events.go for what else plugins ask for) feed cache and queue.
//
//	config/   reads, defaults and checks the configuration
//	cache/    nodes, pods on them, snapshots
//	queue/    pods without a node
//	profile/  runs plugins: the decision itself
//	plugins/  the plugins
//	options/  flags of the binary
//
// Tests: TestScheduler* (the whole scheduler on a fake clientset), TestPodTransitions, BenchmarkSchedule.
package scheduler
