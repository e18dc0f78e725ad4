package kubelet

import (
	"context"
	goruntime "runtime"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/proa-sh/proa/pkg/kubelet/admission"
	"github.com/proa-sh/proa/pkg/kubelet/eviction"
	"github.com/proa-sh/proa/pkg/kubelet/podstate"
	"github.com/proa-sh/proa/pkg/kubelet/probes"
	"github.com/proa-sh/proa/pkg/kubelet/runtime"
	"github.com/proa-sh/proa/pkg/kubelet/status"
	"github.com/proa-sh/proa/pkg/kubelet/worker"
	"github.com/proa-sh/proa/pkg/pods"
)

// poolConfig is what the workers of pods work with.
func (p *parts) poolConfig(evict *eviction.Manager, probe *probes.Manager) worker.Config {
	return worker.Config{
		Settings: worker.Settings{
			CrashMax: p.cfg.crashMax(), HostIPs: hostIPs(p.facts.addresses), RuntimeName: p.facts.runtimeName, Hash: runtime.Hash,
			Resources: p.limits,
		},
		Do: p.do, Status: status.Compute, Changed: status.Changed, Repeats: status.Repeats, Event: p.events.record,
		Probes: probe.Set, Ended: p.desired.Ended, Recall: p.recall, Starts: startsAtATime(),
		Admit: func(pod *v1.Pod, others []*v1.Pod) *podstate.Reason { return p.admit(pod, others, evict.Pressure()) },
		Fits: func(pod *v1.Pod, others []*v1.Pod) *podstate.Reason {
			return admission.Fits(pod, p.registeredNode(), others)
		},
	}
}

// admit says whether the node takes a new pod.
func (p *parts) admit(pod *v1.Pod, others []*v1.Pod, pressure eviction.Pressure) *podstate.Reason {
	settings := admission.Settings{AllowedSysctls: p.cfg.Kubelet.AllowedUnsafeSysctls}
	if pods.IsStatic(pod) {
		// Whoever wrote the file has decided; the node may not even be registered.
		return admission.Check(pod, nil, nil, settings)
	}
	if refusal := eviction.Refuse(pod, pressure); refusal != nil {
		return refusal
	}
	return admission.Check(pod, p.registeredNode(), others, settings)
}

// recall is what an earlier kubelet remembered of a pod's resources, nil if that is nothing.
func (p *parts) recall(uid types.UID) *podstate.Memory {
	r, ok := p.records.Get(uid)
	if !ok || len(r.Worker.Granted.Containers) == 0 {
		return nil
	}
	return &r.Worker
}

// limits are what the runtime is to have in force for a container.
func (p *parts) limits(pod *v1.Pod, c *v1.Container) worker.Limits {
	r := p.resources.ContainerResources(pod, c)
	return worker.Limits{CPUShares: r.GetCpuShares(), CPUQuota: r.GetCpuQuota(), Memory: r.GetMemoryLimitInBytes()}
}

// registeredNode is the node with its newest labels, nil before it is registered.
func (p *parts) registeredNode() *v1.Node {
	n, err := p.node.Node(context.Background())
	if err != nil {
		return nil
	}
	return n
}

// startsAtATime is how many sandboxes and containers are being started at the most: two a processor keep it busy while one of them
// waits for the disk.
func startsAtATime() int { return 2 * goruntime.NumCPU() }
