package kubelet

import (
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/proa-sh/proa/pkg/kubelet/logs"
	"github.com/proa-sh/proa/pkg/kubelet/podstate"
)

// logConfig is how logs of containers are rotated.
func (p *parts) logConfig() logs.Config {
	c := p.cfg.Kubelet
	size := int64(10 << 20)
	if q, err := resource.ParseQuantity(c.ContainerLogMaxSize); err == nil {
		size = q.Value()
	}
	period := value(c.ContainerLogMonitorInterval, metav1.Duration{Duration: 10 * time.Second})
	return logs.Config{
		MaxSize: size, MaxFiles: int(value(c.ContainerLogMaxFiles, 5)), Period: period.Duration,
		Running: p.runningLogs, Reopen: p.runtimeAPI.ReopenContainerLog,
	}
}

// runningLogs are the logs of running containers.
func (p *parts) runningLogs() []logs.Log {
	var list []logs.Log
	for _, s := range p.registry.Snapshots() {
		for _, c := range s.Observed.Containers {
			if c.Phase == podstate.Running && c.LogPath != "" {
				list = append(list, logs.Log{ContainerID: c.ID, Path: c.LogPath})
			}
		}
	}
	return list
}
