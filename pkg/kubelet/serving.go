package kubelet

import (
	"path/filepath"
	"strings"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/cri-streaming/pkg/streaming/remotecommand"

	"github.com/proa-sh/proa/pkg/kubelet/podstate"
	"github.com/proa-sh/proa/pkg/kubelet/server"
	"github.com/proa-sh/proa/pkg/kubelet/taskexec"
	"github.com/proa-sh/proa/pkg/kubelet/worker"
)

// newServer makes the kubelet's own API, nil if it is to have none.
func (p *parts) newServer(counted *probeMetrics) (*server.Server, error) {
	if p.cfg.API == nil {
		return nil, nil
	}
	api, c := *p.cfg.API, p.cfg.Kubelet
	api.NodeName, api.Pods, api.Runtime, api.Images, api.Healthy = p.cfg.NodeName, podView{p.registry}, p.runtimeAPI, p.imageAPI, p.node.Healthy
	api.Usage, api.Streaming = p.resources, value(c.EnableDebuggingHandlers, true)
	api.SystemLogs = value(c.EnableSystemLogHandler, true) && api.Streaming
	api.PodLogs, api.RootDir, api.Configz, api.Started = c.PodLogsDir, p.cfg.Root, c, p.facts.started
	api.Metrics, api.ProbeMetrics = newMetrics(p.cfg.NodeName, p.registry), counted.registry
	api.Exec = p.executor()
	return server.New(api)
}

// executor runs commands by containerd's own API where that is the runtime, nil elsewhere.
func (p *parts) executor() remotecommand.Executor {
	socket, isSocket := strings.CutPrefix(p.cfg.Kubelet.ContainerRuntimeEndpoint, "unix://")
	if p.facts.runtimeName != "containerd" || !isSocket {
		return nil
	}
	return &taskexec.Executor{Socket: socket, Dir: filepath.Join(p.cfg.Root, "exec")}
}

// podView shows the pods of the node to the API.
type podView struct{ registry *worker.Registry }

// Pods lists the pods of the node with their newest status.
func (v podView) Pods() []*v1.Pod {
	snapshots := v.registry.Snapshots()
	list := make([]*v1.Pod, 0, len(snapshots))
	for _, s := range snapshots {
		if s.Pod.Spec.NodeName != "" {
			list = append(list, s.Pod)
		}
	}
	return list
}

// Pod returns the pod of that name; of two the one that is not ending.
func (v podView) Pod(namespace, name string) (*v1.Pod, bool) {
	var found *v1.Pod
	for _, s := range v.registry.Snapshots() {
		if s.Pod.Namespace == namespace && s.Pod.Name == name && s.Pod.Spec.NodeName != "" && (found == nil || !s.Ending) {
			found = s.Pod
		}
	}
	return found, found != nil
}

// Instance gives the newest instance of a container as the runtime has it.
func (v podView) Instance(uid types.UID, container string) (podstate.Container, bool) {
	s, ok := v.registry.Snapshot(uid)
	if !ok {
		return podstate.Container{}, false
	}
	latest := s.Observed.Latest(container)
	if latest == nil {
		return podstate.Container{}, false
	}
	return *latest, true
}
