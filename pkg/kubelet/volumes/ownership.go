package volumes

import (
	"os"

	v1 "k8s.io/api/core/v1"
)

// Extra permission that a pod's fsGroup is given on content the kubelet writes, which is read-only to containers.
const (
	groupReadFile = 0o440
	groupReadDir  = 0o550
)

// fsGroup is the group that owns the pod's volumes; nil when the pod sets none. fsGroupChangePolicy concerns volumes
// that outlive pods only and has no effect on the kinds made here (as PodSecurityContext documents it).
func fsGroup(pod *v1.Pod) *int64 {
	if pod.Spec.SecurityContext == nil {
		return nil
	}
	return pod.Spec.SecurityContext.FSGroup
}

// fsUser is the one user as whom all containers of the pod run; nil when they differ or one of them leaves it to its
// image. Tokens are owned by this user, so that a process without root can read them (KEP-1205).
func fsUser(pod *v1.Pod) *int64 {
	var user *int64
	same := true
	visit := func(security *v1.SecurityContext) {
		current := runAsUser(pod, security)
		switch {
		case current == nil, user != nil && *user != *current:
			same = false
		default:
			user = current
		}
	}
	for i := range pod.Spec.InitContainers {
		visit(pod.Spec.InitContainers[i].SecurityContext)
	}
	for i := range pod.Spec.Containers {
		visit(pod.Spec.Containers[i].SecurityContext)
	}
	for i := range pod.Spec.EphemeralContainers {
		visit(pod.Spec.EphemeralContainers[i].SecurityContext)
	}
	if !same {
		return nil
	}
	return user
}

func runAsUser(pod *v1.Pod, security *v1.SecurityContext) *int64 {
	if security != nil && security.RunAsUser != nil {
		return security.RunAsUser
	}
	if pod.Spec.SecurityContext != nil {
		return pod.Spec.SecurityContext.RunAsUser
	}
	return nil
}

// readableBy adds what the group needs to read a file or directory; gid nil leaves the mode as it is.
func readableBy(gid *int64, mode os.FileMode, dir bool) os.FileMode {
	switch {
	case gid == nil:
		return mode
	case dir:
		return mode | groupReadDir | os.ModeSetgid
	default:
		return mode | groupReadFile
	}
}

// chownID is the argument of chown for an optional ID: -1 leaves the owner as it is.
func chownID(id *int64) int {
	if id == nil {
		return -1
	}
	return int(*id)
}
