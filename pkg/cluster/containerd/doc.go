// Package containerd runs the container runtime that belongs to a cluster.
//
// It owns one containerd daemon: its configuration, its directories, its socket, its life. In: directories and the
// programs made by `make tools`. Out: a CRI endpoint, images imported from archives, and pods ended when asked, as their kubelet would:
// with their hooks and in the time that each may take (pods.go). The daemon tells by itself when it serves (sd_notify), and is started
// again when it dies. Containers are not its children and live on without it. A daemon that a killed process of ours has left behind
// is taken over if it is the same in program and configuration and serves, and replaced otherwise (package program); one that ends
// loses how containers end meanwhile. It uses none of the system's containerd, nor its files.
//
// Shown by config_test.go (the configuration), pods_test.go (how pods end) and containerd_test.go: a real daemon is started, killed, broken, and runs
// a pod.
package containerd
