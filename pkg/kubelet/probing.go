package kubelet

import (
	"context"
	"time"

	v1 "k8s.io/api/core/v1"

	"github.com/proa-sh/proa/pkg/kubelet/handler"
	"github.com/proa-sh/proa/pkg/kubelet/podstate"
	"github.com/proa-sh/proa/pkg/kubelet/probes"
)

// probeConfig is how containers are probed; verdicts go to the workers by the registry.
func (p *parts) probeConfig(counted *probeMetrics) probes.Config {
	agent := "kube-probe/" + minor()
	return probes.Config{
		Run: func(ctx context.Context, h v1.ProbeHandler, t podstate.ProbeTarget, timeout time.Duration) (probes.Verdict, string) {
			to := handler.Target{Container: t.Container, ContainerID: t.ContainerID, Host: t.Host, UserAgent: agent}
			switch verdict, text := handler.Run(ctx, h, to, p.runtime.Exec, timeout); verdict {
			case handler.Success:
				return probes.Success, text
			case handler.Warning:
				return probes.Warning, text
			case handler.Failure:
				return probes.Failure, text
			default:
				return probes.Unknown, text
			}
		},
		Notify:    p.registry.Probe,
		Event:     p.events.record,
		Observe:   counted.observe,
		Forget:    counted.forget,
		Restarted: func(startedAt time.Time) bool { return startedAt.Before(p.facts.started) },
	}
}
