package kubelet

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/component-base/version"
	criapi "k8s.io/cri-api/pkg/apis"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/klog/v2"

	"github.com/proa-sh/proa/pkg/kubelet/admission"
	"github.com/proa-sh/proa/pkg/kubelet/eviction"
	"github.com/proa-sh/proa/pkg/kubelet/handler"
	"github.com/proa-sh/proa/pkg/kubelet/images"
	"github.com/proa-sh/proa/pkg/kubelet/logs"
	"github.com/proa-sh/proa/pkg/kubelet/mirrors"
	"github.com/proa-sh/proa/pkg/kubelet/node"
	"github.com/proa-sh/proa/pkg/kubelet/podstate"
	"github.com/proa-sh/proa/pkg/kubelet/probes"
	"github.com/proa-sh/proa/pkg/kubelet/record"
	"github.com/proa-sh/proa/pkg/kubelet/resources"
	"github.com/proa-sh/proa/pkg/kubelet/runtime"
	"github.com/proa-sh/proa/pkg/kubelet/server"
	"github.com/proa-sh/proa/pkg/kubelet/status"
	"github.com/proa-sh/proa/pkg/kubelet/volumes"
	"github.com/proa-sh/proa/pkg/kubelet/worker"
	"github.com/proa-sh/proa/pkg/pods"
)

// facts are what is read once of the machine and its runtime.
type facts struct {
	started     time.Time
	machine     resources.Machine
	cgroups     resources.Cgroups
	reserved    resources.Reserved
	capacity    v1.ResourceList
	allocatable v1.ResourceList
	addresses   []v1.NodeAddress
	system      v1.NodeSystemInfo
	runtimeName string
}

// readFacts reads the machine.
func (k *Kubelet) readFacts(ctx context.Context, r criapi.RuntimeService) (facts, error) {
	f := facts{started: time.Now()}
	if err := os.MkdirAll(k.cfg.Root, 0o750); err != nil {
		return f, fmt.Errorf("make the kubelet's directory: %w", err)
	}
	var err error
	if f.machine, err = resources.ReadMachine(k.cfg.Root); err != nil {
		return f, err
	}
	if f.cgroups, err = resources.Detect(); err != nil {
		return f, err
	}
	if f.cgroups.Version == 1 && value(k.cfg.Kubelet.FailCgroupV1, false) {
		return f, errors.New("this machine has cgroup v1; set failCgroupV1: false (--fail-cgroupv1=false) to run on it all the same")
	}
	if f.reserved, err = reserved(&k.cfg); err != nil {
		return f, err
	}
	f.capacity = f.machine.Capacity.DeepCopy()
	f.capacity[v1.ResourcePods] = *resource.NewQuantity(int64(k.cfg.Kubelet.MaxPods), resource.DecimalSI)
	f.allocatable = resources.Allocatable(f.capacity, f.reserved)
	if f.addresses, err = node.Addresses(k.hostname(), k.cfg.NodeIPs); err != nil {
		return f, err
	}
	if f.system, err = node.ReadSystem(f.machine.Swap); err != nil {
		return f, err
	}
	answer, err := r.Version(ctx, "v1")
	if err != nil {
		return f, fmt.Errorf("ask the container runtime for its version: %w", err)
	}
	f.runtimeName = answer.RuntimeName
	return f, nil
}

func (k *Kubelet) hostname() string {
	if k.cfg.Hostname != "" {
		return k.cfg.Hostname
	}
	return k.cfg.NodeName
}

func reserved(cfg *Config) (resources.Reserved, error) {
	var r resources.Reserved
	var errs []error
	parse := func(what string, values map[string]string) v1.ResourceList {
		list := v1.ResourceList{}
		for name, text := range values {
			q, err := resource.ParseQuantity(text)
			if err != nil {
				errs = append(errs, fmt.Errorf("parse %s of %s %q: %w", what, name, text, err))
				continue
			}
			list[v1.ResourceName(name)] = q
		}
		return list
	}
	r.Kube = parse("kubeReserved", cfg.Kubelet.KubeReserved)
	r.System = parse("systemReserved", cfg.Kubelet.SystemReserved)
	var err error
	if r.Eviction, err = resources.ParseThresholds(cfg.Kubelet.EvictionHard); err != nil {
		errs = append(errs, fmt.Errorf("parse evictionHard: %w", err))
	}
	return r, errors.Join(errs...)
}

// build makes the stages on a runtime that answers.
func (k *Kubelet) build(ctx context.Context, r criapi.RuntimeService, i criapi.ImageManagerService) (*parts, error) {
	f, err := k.readFacts(ctx, r)
	if err != nil {
		return nil, err
	}
	p := &parts{
		k: k, runtimeAPI: r, imageAPI: i, facts: f, objects: k.objects,
		publisher: status.Publisher{Client: k.cfg.Client}, hookAgent: "kube-lifecycle/" + minor(),
		events: newEvents(ctx, k.cfg.Client, k.cfg.NodeName), probed: newProbeMetrics(),
	}
	if p.records, err = record.Open(klog.FromContext(ctx), filepath.Join(k.cfg.Root, "records")); err != nil {
		return nil, err
	}
	if p.resources, err = resources.New(k.resourcesConfig(f)); err != nil {
		return nil, err
	}
	if p.node, err = node.New(k.nodeConfig(p)); err != nil {
		return nil, err
	}
	p.mirrors = mirrors.New(mirrors.Config{Client: k.cfg.Client, Look: k.lookStatic, Node: p.apiNode})
	relief, err := p.evictionConfig()
	if err != nil {
		return nil, err
	}
	p.eviction = eviction.New(relief)
	p.volumes, err = volumes.New(volumes.Config{
		RootDir: k.cfg.Root, Objects: k.objects, Tokens: tokens{k.cfg.Client}, Node: p.node, Records: p.records,
	})
	if err != nil {
		return nil, err
	}
	p.runtime = runtime.New(p.runtimeConfig())
	p.images = images.New(images.Config{
		CRI: i, Secrets: k.objects, NodeCredentials: k.cfg.nodeCredentials(), MaxParallel: k.maxPulls(), Event: p.record,
	})
	if k.cfg.API != nil {
		api := *k.cfg.API
		api.NodeName, api.Pods, api.Runtime, api.Images, api.Healthy = k.cfg.NodeName, p, r, i, k.Healthy
		api.Usage, api.Streaming = p.resources, value(k.cfg.Kubelet.EnableDebuggingHandlers, true)
		api.SystemLogs = value(k.cfg.Kubelet.EnableSystemLogHandler, true) && api.Streaming
		api.PodLogs, api.RootDir, api.Configz, api.Started = k.cfg.Kubelet.PodLogsDir, k.cfg.Root, k.cfg.Kubelet, f.started
		api.Metrics, api.ProbeMetrics = p.newMetrics(), p.probed.registry
		if p.server, err = server.New(api); err != nil {
			return nil, err
		}
	}
	return p, nil
}

func minor() string { v := version.Get(); return v.Major + "." + v.Minor }

func (k *Kubelet) resourcesConfig(f facts) resources.Config {
	c := k.cfg.Kubelet
	enforce := false
	for _, what := range c.EnforceNodeAllocatable {
		enforce = enforce || what == "pods"
	}
	period := value(c.CPUCFSQuotaPeriod, metav1.Duration{})
	return resources.Config{
		Root: c.CgroupRoot, Driver: c.CgroupDriver, Cgroups: f.cgroups, Capacity: f.capacity, Reserved: f.reserved, Enforce: enforce,
		Policy: resources.Policy{
			CPUQuota: value(c.CPUCFSQuota, true), QuotaPeriod: period.Duration,
			PodPids: value(c.PodPidsLimit, -1), HugePageSizes: f.machine.HugePageSizes,
		},
	}
}

func (k *Kubelet) nodeConfig(p *parts) node.Config {
	c := k.cfg.Kubelet
	return node.Config{
		Name: k.cfg.NodeName, Client: k.cfg.Client, Nodes: k.nodes, Recorder: p.events.recorder, Runtime: p.runtimeAPI, Images: p.imageAPI,
		OnReadiness: p.nudge, Pressure: p.pressureOnNode, Register: value(c.RegisterNode, true), Labels: k.cfg.NodeLabels, Taints: c.RegisterWithTaints,
		ProviderID: c.ProviderID, Hostname: k.hostname(), Addresses: p.facts.addresses,
		Capacity: p.facts.capacity, Allocatable: p.facts.allocatable, System: p.facts.system, KubeletPort: c.Port,
		MaxImages:       int(value(c.NodeStatusMaxImages, 0)),
		UpdateFrequency: c.NodeStatusUpdateFrequency.Duration, ReportFrequency: c.NodeStatusReportFrequency.Duration,
		LeaseDuration: time.Duration(c.NodeLeaseDurationSeconds) * time.Second,
	}
}

func (p *parts) paths() runtime.Paths {
	return runtime.Paths{Root: p.k.cfg.Root, PodLogs: p.k.cfg.Kubelet.PodLogsDir, ContainerLogs: p.k.cfg.ContainerLogs}
}

func (p *parts) runtimeConfig() runtime.Config {
	c := p.k.cfg.Kubelet
	return runtime.Config{
		CRI: p.runtimeAPI, Paths: p.paths(), Objects: p.objects, Handler: p.handlerOf,
		DNS:            runtime.DNS{Servers: c.ClusterDNS, Domain: c.ClusterDomain, ResolvConf: value(c.ResolverConfig, "")},
		Services:       p.services,
		Allocatable:    func() v1.ResourceList { return p.facts.allocatable },
		Resources:      p.resources.ContainerResources,
		SeccompDefault: value(c.SeccompDefault, false),
		UserNS:         userNamespace,
		MountPoint:     p.volumes.MountPoint,
		SubPath: func(s runtime.SubPath) (string, error) {
			return p.volumes.SubPath(volumes.SubPathRequest{
				PodUID: s.UID, Container: s.Container, Index: s.Index, Volume: s.Volume, VolumePath: s.VolumePath, SubPath: s.Path,
			})
		},
	}
}

// userNamespace: pods share the node's user namespace. One that asks for its own is told that it cannot have it.
func userNamespace(pod *v1.Pod) (*runtimeapi.UserNamespace, error) {
	if value(pod.Spec.HostUsers, true) {
		return nil, nil
	}
	return nil, errors.New("user namespaces (hostUsers: false) are not supported by this kubelet")
}

// services are those whose variables a pod of the namespace may see.
func (p *parts) services(namespace string) ([]*v1.Service, error) {
	list, err := p.k.services.Services(namespace).List(labels.Everything())
	if err != nil || namespace == metav1.NamespaceDefault {
		return list, err
	}
	common, err := p.k.services.Services(metav1.NamespaceDefault).List(labels.Everything())
	return append(list, common...), err
}

// handlerOf is the runtime handler of the pod's class.
func (p *parts) handlerOf(pod *v1.Pod) (string, error) {
	if pod.Spec.RuntimeClassName == nil || *pod.Spec.RuntimeClassName == "" {
		return "", nil
	}
	class, err := p.k.classes.Get(*pod.Spec.RuntimeClassName)
	if err != nil {
		return "", fmt.Errorf("failed to get RuntimeClass %q: %w", *pod.Spec.RuntimeClassName, err)
	}
	return class.Handler, nil
}

func (k *Kubelet) maxPulls() int {
	if value(k.cfg.Kubelet.SerializeImagePulls, true) {
		return 1
	}
	return int(value(k.cfg.Kubelet.MaxParallelImagePulls, 0))
}

func (p *parts) probeConfig() probes.Config {
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
		Notify:    func(r podstate.ProbeResult) { p.pool.Probe(r) },
		Event:     p.record,
		Observe:   p.probed.observe,
		Forget:    p.probed.forget,
		Restarted: func(startedAt time.Time) bool { return startedAt.Before(p.facts.started) },
	}
}

func (p *parts) poolConfig() worker.Config {
	return worker.Config{
		Settings: worker.Settings{
			CrashMax: p.k.cfg.crashMax(), HostIPs: hostIPs(p.facts.addresses), RuntimeName: p.facts.runtimeName, Hash: runtime.Hash,
			Resources: p.limits,
		},
		Do: p.do, Status: status.Compute, Changed: status.Changed, Repeats: status.Repeats, Event: p.record,
		Probes: func(pod *v1.Pod, targets []podstate.ProbeTarget) { p.probes.Set(pod, targets) },
		Ended:  p.k.desired.Ended,
		Recall: p.recall,
		Admit: func(pod *v1.Pod, others []*v1.Pod) *podstate.Reason {
			if pods.IsStatic(pod) {
				// Whoever wrote the file has decided; the node may not even be registered.
				return admission.Check(pod, nil, nil, admission.Settings{AllowedSysctls: p.k.cfg.Kubelet.AllowedUnsafeSysctls})
			}
			if refusal := eviction.Refuse(pod, p.eviction.Pressure()); refusal != nil {
				return refusal
			}
			return admission.Check(pod, p.registeredNode(), others, admission.Settings{AllowedSysctls: p.k.cfg.Kubelet.AllowedUnsafeSysctls})
		},
		Fits: func(pod *v1.Pod, others []*v1.Pod) *podstate.Reason {
			return admission.Fits(pod, p.registeredNode(), others)
		},
	}
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

func (p *parts) logConfig() logs.Config {
	c := p.k.cfg.Kubelet
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

// imageGCPeriod is how often the image file system is looked at.
const imageGCPeriod = 5 * time.Minute

func (p *parts) gcPolicy() images.GCPolicy {
	c := p.k.cfg.Kubelet
	return images.GCPolicy{
		High: int(value(c.ImageGCHighThresholdPercent, 85)), Low: int(value(c.ImageGCLowThresholdPercent, 80)),
		MinAge: c.ImageMinimumGCAge.Duration, MaxAge: c.ImageMaximumGCAge.Duration, Period: imageGCPeriod,
	}
}

// record records an event on a pod or container.
func (p *parts) record(pod *v1.Pod, container, eventType, reason, message string) {
	p.events.record(pod, container, eventType, reason, message)
}

// nudge lets every pod try again what waited for the node to become ready.
func (p *parts) nudge() {
	if pool := p.k.pool(); pool != nil {
		pool.Nudge()
	}
}
