// Package taskexec runs commands in containers by containerd's own API of tasks.
//
// It owns the road of exec with a connected stdin on containerd. The CRI plugin there closes a command's stdin as soon as the
// command closes its stdout or stderr (attachOutput in its package internal/cri/io; so in all releases up to 2.4.2, containerd issues
// 12734 and 13934): `kubectl exec -i POD -- sh -c 'cat >file'`, where the shell becomes cat with another stdout, got the first 192 KiB or
// so and ended well. Tasks have no such bond between streams. In comes a command with its streams; out goes its exit. What the CRI
// plugin does beside that is the same here: the container's own environment, user, rights and cgroups. A command under way is
// killed when the kubelet ends, for nobody would take what containerd keeps of it away. It is of no use with other
// runtimes, nor for terminals, of which one stream is all. TestContainerdExec in pkg/kubelet shows sizes up to 64 MiB both ways.
package taskexec
