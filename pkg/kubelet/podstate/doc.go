// Package podstate holds the values that pass between the stages of the kubelet.
//
// It owns: the description of a pod as the container runtime reports it ([Observed]), its resources ([Allocation]) and what is
// remembered of them over a restart of the kubelet ([Memory]), the result of a probe ([ProbeResult]),
// what the pod worker knows beyond that ([View]), and why a pod is being ended ([Ending]). In come facts from the container
// runtime interface, out go plain values that every stage may read. It never calls anything, holds no lock and reads no
// clock. TestObserved shows the questions one can ask.
package podstate
