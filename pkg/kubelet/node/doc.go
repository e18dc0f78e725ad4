// Package node keeps this machine's Node object and Lease.
//
// It owns the Node's registration, the labels that a kubelet answers for, its status (capacity, addresses, conditions,
// images, runtime), the Lease of the same name in kube-node-lease and the events about the Node. In come facts: those of the
// machine once (System, Addresses, Capacity), those of the container runtime by asking it, those of resource pressure by
// being told (SetPressure). Out go API writes, and the answer whether runtime and network are ready, which the pod workers ask for.
//
// What the status should say is a pure function (Status); one goroutine observes, compares and patches. It writes when
// something changed, at once when readiness turned, and otherwise every five minutes: the Lease is the heartbeat. While the
// runtime is not ready it is asked again after 50 ms, then at growing intervals; when it is, every ten seconds.
//
// It never deletes the Node, never changes taints or custom labels of a Node that exists, and does not make a Node again
// that was deleted while it ran.
//
// TestStatus shows what is reported, TestRun registration, heartbeats and the turn to Ready.
package node
