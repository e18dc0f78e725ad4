package runtime

import (
	"strings"

	v1 "k8s.io/api/core/v1"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/proa-sh/proa/pkg/kubelet/podstate"
)

// ContainerInput is everything that a container's configuration is made of.
type ContainerInput struct {
	Pod       *v1.Pod
	Container *v1.Container
	Attempt   uint32
	// Image is the reference that the runtime resolved the image to.
	Image string
	// Env is the finished environment.
	Env []v1.EnvVar
	// Volumes by name. Mounts are checked against it.
	Volumes map[string]podstate.VolumePath
	// RecursiveReadOnly: the runtime's handler can do it.
	RecursiveReadOnly bool
	Resources         *runtimeapi.LinuxContainerResources
	Security          *runtimeapi.LinuxContainerSecurityContext
	UserNS            *runtimeapi.UserNamespace
	// HostsFile on the host, "" to mount none.
	HostsFile string
	// MessageFile on the host receives the termination message, "" to mount none.
	MessageFile string
}

// ContainerConfig computes a container. Mounts of sub-paths come back apart: their host paths exist only after the
// volume was entered safely.
func ContainerConfig(in ContainerInput) (*runtimeapi.ContainerConfig, []plannedMount, error) {
	c := in.Container
	values := make(map[string]string, len(in.Env))
	for _, e := range in.Env {
		values[e.Name] = e.Value
	}
	lookup := func(name string) (string, bool) { v, ok := values[name]; return v, ok }
	mounts, devices, err := planMounts(in, lookup)
	if err != nil {
		return nil, nil, err
	}
	annotations, err := containerAnnotations(in.Pod, c, in.Attempt)
	if err != nil {
		return nil, nil, err
	}
	conf := &runtimeapi.ContainerConfig{
		Metadata:    &runtimeapi.ContainerMetadata{Name: c.Name, Attempt: in.Attempt},
		Image:       &runtimeapi.ImageSpec{Image: in.Image, UserSpecifiedImage: c.Image},
		Command:     expandAll(c.Command, lookup),
		Args:        expandAll(c.Args, lookup),
		WorkingDir:  c.WorkingDir,
		Devices:     devices,
		Labels:      containerLabels(in.Pod, c),
		Annotations: annotations,
		LogPath:     logPath(c.Name, in.Attempt),
		Stdin:       c.Stdin,
		StdinOnce:   c.StdinOnce,
		Tty:         c.TTY,
		StopSignal:  stopSignal(c),
		Linux: &runtimeapi.LinuxContainerConfig{
			Resources:       in.Resources,
			SecurityContext: in.Security,
		},
	}
	for _, e := range in.Env {
		conf.Envs = append(conf.Envs, &runtimeapi.KeyValue{Key: e.Name, Value: []byte(e.Value)})
	}
	for _, m := range mounts {
		conf.Mounts = append(conf.Mounts, m.mount)
	}
	conf.Mounts = append(conf.Mounts, ownMounts(in)...)
	return conf, mounts, nil
}

// ownMounts are the files that the kubelet itself gives a container.
func ownMounts(in ContainerInput) []*runtimeapi.Mount {
	var mounts []*runtimeapi.Mount
	add := func(host, target string) {
		m := &runtimeapi.Mount{HostPath: host, ContainerPath: target, SelinuxRelabel: true}
		if in.UserNS != nil {
			m.UidMappings, m.GidMappings = in.UserNS.Uids, in.UserNS.Gids
		}
		mounts = append(mounts, m)
	}
	if in.HostsFile != "" && !mountsOver(in.Container, hostsPath) {
		add(in.HostsFile, hostsPath)
	}
	if in.MessageFile != "" && in.Container.TerminationMessagePath != "" {
		add(in.MessageFile, in.Container.TerminationMessagePath)
	}
	return mounts
}

func expandAll(words []string, lookup func(string) (string, bool)) []string {
	if words == nil {
		return nil
	}
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = Expand(w, lookup)
	}
	return out
}

func stopSignal(c *v1.Container) runtimeapi.Signal {
	if c.Lifecycle == nil || c.Lifecycle.StopSignal == nil {
		return runtimeapi.Signal_RUNTIME_DEFAULT
	}
	// The API writes SIGRTMIN+1, the runtime interface SIGRTMINPLUS1.
	name := strings.NewReplacer("+", "PLUS", "-", "MINUS").Replace(string(*c.Lifecycle.StopSignal))
	return runtimeapi.Signal(runtimeapi.Signal_value[name])
}
