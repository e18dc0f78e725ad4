package cache

import (
	"iter"

	v1 "k8s.io/api/core/v1"
)

// HostPorts yields the host ports that a pod's containers use, those of sidecars included (init containers that keep
// running). Other init containers end before the pod's containers start, and their ports with them.
func HostPorts(pod *v1.Pod) iter.Seq[*v1.ContainerPort] {
	return func(yield func(*v1.ContainerPort) bool) {
		for i := range pod.Spec.Containers {
			if !yieldHostPorts(&pod.Spec.Containers[i], yield) {
				return
			}
		}
		for i := range pod.Spec.InitContainers {
			c := &pod.Spec.InitContainers[i]
			if c.RestartPolicy == nil || *c.RestartPolicy != v1.ContainerRestartPolicyAlways {
				continue
			}
			if !yieldHostPorts(c, yield) {
				return
			}
		}
	}
}

func yieldHostPorts(c *v1.Container, yield func(*v1.ContainerPort) bool) bool {
	for i := range c.Ports {
		if c.Ports[i].HostPort > 0 && !yield(&c.Ports[i]) {
			return false
		}
	}
	return true
}

// Claims yields the persistent volume claims that a pod uses, as "namespace/name". An ephemeral volume's claim is
// named after pod and volume.
func Claims(pod *v1.Pod) iter.Seq[string] {
	return func(yield func(string) bool) {
		for i := range pod.Spec.Volumes {
			name := ""
			switch v := &pod.Spec.Volumes[i]; {
			case v.PersistentVolumeClaim != nil:
				name = v.PersistentVolumeClaim.ClaimName
			case v.Ephemeral != nil:
				name = pod.Name + "-" + v.Name
			}
			if name != "" && !yield(pod.Namespace+"/"+name) {
				return
			}
		}
	}
}
