package runtime

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"path/filepath"
	"strconv"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/dump"
	kubelettypes "k8s.io/kubelet/pkg/types"
)

// Labels and annotations as every Kubernetes node writes them: crictl, log collectors and another kubelet that takes this
// node over all look for these names.
const (
	labelPodName   = kubelettypes.KubernetesPodNameLabel
	labelNamespace = kubelettypes.KubernetesPodNamespaceLabel
	labelUID       = kubelettypes.KubernetesPodUIDLabel
	labelContainer = kubelettypes.KubernetesContainerNameLabel

	annotationHash          = "io.kubernetes.container.hash"
	annotationRestartCount  = "io.kubernetes.container.restartCount"
	annotationMessagePath   = "io.kubernetes.container.terminationMessagePath"
	annotationMessagePolicy = "io.kubernetes.container.terminationMessagePolicy"
	annotationGracePeriod   = "io.kubernetes.pod.terminationGracePeriod"
	annotationPorts         = "io.kubernetes.container.ports"
	annotationPreStop       = "io.kubernetes.container.preStopHandler"
)

func podLabels(pod *v1.Pod) map[string]string {
	return map[string]string{
		labelPodName: pod.Name, labelNamespace: pod.Namespace, labelUID: string(pod.UID),
	}
}

func sandboxLabels(pod *v1.Pod) map[string]string {
	labels := make(map[string]string, len(pod.Labels)+3)
	for k, v := range pod.Labels {
		labels[k] = v
	}
	for k, v := range podLabels(pod) {
		labels[k] = v
	}
	return labels
}

func containerLabels(pod *v1.Pod, c *v1.Container) map[string]string {
	labels := podLabels(pod)
	labels[labelContainer] = c.Name
	return labels
}

func containerAnnotations(pod *v1.Pod, c *v1.Container, attempt uint32) (map[string]string, error) {
	a := map[string]string{
		annotationHash:          Hash(c),
		annotationRestartCount:  strconv.FormatUint(uint64(attempt), 10),
		annotationMessagePath:   c.TerminationMessagePath,
		annotationMessagePolicy: string(c.TerminationMessagePolicy),
	}
	if g := pod.Spec.TerminationGracePeriodSeconds; g != nil {
		a[annotationGracePeriod] = strconv.FormatInt(*g, 10)
	}
	if len(c.Ports) > 0 {
		ports, err := json.Marshal(c.Ports)
		if err != nil {
			return nil, fmt.Errorf("encode ports of container %q: %w", c.Name, err)
		}
		a[annotationPorts] = string(ports)
	}
	if c.Lifecycle != nil && c.Lifecycle.PreStop != nil {
		hook, err := json.Marshal(c.Lifecycle.PreStop)
		if err != nil {
			return nil, fmt.Errorf("encode preStop hook of container %q: %w", c.Name, err)
		}
		a[annotationPreStop] = string(hook)
	}
	return a, nil
}

// Hash identifies the part of a container's definition whose change needs a restart: its name and image. The value is the
// one that a stock 1.36 kubelet writes, so that taking a node over restarts nothing.
func Hash(c *v1.Container) string {
	// The error is impossible: two strings.
	picked, _ := json.Marshal(map[string]string{"name": c.Name, "image": c.Image})
	h := fnv.New32a()
	fmt.Fprintf(h, "%v", dump.ForHash(picked))
	return strconv.FormatUint(uint64(h.Sum32()), 16)
}

// Paths are the host directories of a kubelet.
type Paths struct {
	// Root is the kubelet's own directory, /var/lib/kubelet.
	Root string
	// PodLogs is where container logs are written, /var/log/pods.
	PodLogs string
	// ContainerLogs holds flat links to them, /var/log/containers; empty makes none.
	ContainerLogs string
}

// PodDir is the pod's directory under Root.
func (p Paths) PodDir(uid types.UID) string { return filepath.Join(p.Root, "pods", string(uid)) }

// LogDir is the pod's log directory.
func (p Paths) LogDir(namespace, name string, uid types.UID) string {
	return filepath.Join(p.PodLogs, namespace+"_"+name+"_"+string(uid))
}

// HostsFile is the pod's /etc/hosts on the host.
func (p Paths) HostsFile(uid types.UID) string { return filepath.Join(p.PodDir(uid), "etc-hosts") }

// ContainerDir holds the termination message files of one container.
func (p Paths) ContainerDir(uid types.UID, container string) string {
	return filepath.Join(p.PodDir(uid), "containers", container)
}

// logPath is a container's log path relative to the pod's log directory.
func logPath(container string, attempt uint32) string {
	return filepath.Join(container, strconv.FormatUint(uint64(attempt), 10)+".log")
}

// logLink is the flat name under ContainerLogs.
func logLink(pod *v1.Pod, container, id string) string {
	return pod.Name + "_" + pod.Namespace + "_" + container + "-" + id + ".log"
}
