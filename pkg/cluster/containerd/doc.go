// Package containerd runs the container runtime that belongs to a cluster.
//
// It owns one containerd daemon: its configuration, its directories, its socket, its life. In: directories and the
// programs made by `make tools`. Out: a CRI endpoint, images imported from archives, and pods ended when asked, as their kubelet would: with
// their hooks and in the time that each may take (pods.go). The
// daemon tells by itself when it serves (sd_notify), and is started again when it dies. Containers are not its
// children and live on without it: a daemon left behind by a killed process is stopped and replaced, the containers
// are taken over. It uses none of the system's containerd, nor its files.
//
// Shown by config_test.go (the configuration), pods_test.go (how pods end) and containerd_test.go: a real daemon is started, killed, broken, and runs
// a pod.
package containerd
