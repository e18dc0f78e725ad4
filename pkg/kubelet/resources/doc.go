// Package resources divides the machine among pods: it says what the node has and how much of it pods may use, and keeps
// the control groups that hold pods to it.
//
// It owns the cgroups <root>/kubepods, its tiers burstable and besteffort, and one cgroup for each pod in its tier
// (guaranteed pods lie directly in kubepods), in the layout that every kubelet and container runtime expects. In come pods
// as values, the node's capacity and the reservations of the configuration; out go cgroup parents and the container
// resources of CRI requests, and usage for statistics.
//
// What to set is decided by pure functions (PodLimits, ContainerResources, OOMScoreAdj, Allocatable), how to set it by
// type tree, which writes to cgroup v1 (each controller in its own hierarchy, also in "hybrid" set-ups) or v2. It never
// mounts or remounts a cgroup file system and never touches a cgroup outside its root; creating containers' cgroups is
// the runtime's work. Only the cgroupfs driver exists so far: New refuses the systemd driver.
//
// TestManagerOnThisMachine shows the whole on the real cgroups of the machine; the tables beside the pure functions show
// the numbers.
package resources
