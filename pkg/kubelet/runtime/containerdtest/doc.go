// Package containerdtest gives a test a containerd of its own.
//
// It owns the daemon, its directories, a bridge for pods, a cgroup and the mounts that appear meanwhile; all of it is gone when the
// test ends. In comes a test; out go the endpoint and an image whose one program does what tests need of containers. It is used by tests
// only. It needs root and the binaries that hack/tools builds into bin/.
package containerdtest
