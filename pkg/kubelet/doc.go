// Package kubelet runs the pods of one node.
//
// It owns the wiring of its stages and nothing else; the stages know values, not each other:
//
//	desired    which pods the node is to run: from the pods informer, in order
//	admission  whether the node takes a pod (pure)
//	worker     what is due next for each pod (pure state machine), and one goroutine per pod that sees to it
//	images     images and credentials
//	volumes    volumes of pods
//	resources  cgroups and limits
//	runtime    pods to CRI requests, CRI answers to values
//	probes     start-up, readiness and liveness probes
//	handler    what probes and hooks are made of
//	status     values to v1.PodStatus, and its patch
//	objects    ConfigMaps and Secrets
//	logs       log rotation
//	crilog     reads logs of containers
//	record     what is remembered of each pod over a restart, on disk before it is acted on
//	podfile    opens files that pods own
//	node       the Node object and its Lease
//	server     the kubelet's own API
//	taskexec   commands in containers, by containerd's own API
//	podstate   the values that pass between them
//
// New listens to informers. When the container runtime answers, Run has the whole graph built by one constructor, newGraph, each
// part after those that it needs; nothing is filled in later. What would be a cycle goes by the worker's Registry, which is made
// first and needs nobody: probes, watches of the runtime and of objects, the node and the eviction leave their news there, and
// questions about pods are answered there; the pool that starts the workers comes last.
//
// In come a Config of built parts and a container runtime's endpoint; out go containers, and statuses in the API. Stopping
// the kubelet leaves containers running; starting it again finds them. TestContainerd runs pods end to end on a real containerd.
package kubelet
