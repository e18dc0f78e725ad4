// Package runtime turns pods into calls of the container runtime interface (CRI v1) and what the runtime says into values.
//
// It owns: the configuration of sandboxes and containers ([SandboxConfig], [ContainerConfig]: pure functions of values), the
// labels and annotations by which a restarted kubelet finds its containers again, the files that a pod gets from the kubelet
// itself (/etc/hosts, termination messages, log links), and the observation of the runtime ([Runtime.Inspect],
// [Runtime.Watch]). In come pods, volume paths, environment sources and resources; out go CRI requests and
// podstate.Observed. Removals wait for each other's end beyond a few at a time (TestRemovals). It never decides whether something
// should run, and keeps no state of pods.
//
// The configuration is shown by the goldens of TestRequests; environments by TestEnv; name resolution by TestDNSConfig. The calls
// are tested against a real containerd by TestContainerd and TestContainerdFeatures of package kubelet.
package runtime
