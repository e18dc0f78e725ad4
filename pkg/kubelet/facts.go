package kubelet

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	criapi "k8s.io/cri-api/pkg/apis"

	"github.com/proa-sh/proa/pkg/kubelet/node"
	"github.com/proa-sh/proa/pkg/kubelet/resources"
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
func readFacts(ctx context.Context, cfg *Config, r criapi.RuntimeService) (facts, error) {
	f := facts{started: time.Now()}
	if err := os.MkdirAll(cfg.Root, 0o750); err != nil {
		return f, fmt.Errorf("make the kubelet's directory: %w", err)
	}
	var err error
	if f.machine, err = resources.ReadMachine(cfg.Root); err != nil {
		return f, err
	}
	if f.cgroups, err = resources.Detect(); err != nil {
		return f, err
	}
	if f.cgroups.Version == 1 && value(cfg.Kubelet.FailCgroupV1, false) {
		return f, errors.New("this machine has cgroup v1; set failCgroupV1: false (--fail-cgroupv1=false) to run on it all the same")
	}
	if f.reserved, err = reserved(cfg); err != nil {
		return f, err
	}
	f.capacity = f.machine.Capacity.DeepCopy()
	f.capacity[v1.ResourcePods] = *resource.NewQuantity(int64(cfg.Kubelet.MaxPods), resource.DecimalSI)
	f.allocatable = resources.Allocatable(f.capacity, f.reserved)
	if f.addresses, err = node.Addresses(cfg.hostname(), cfg.NodeIPs); err != nil {
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

// resourcesConfig is how cgroups are made.
func resourcesConfig(cfg *Config, f facts) resources.Config {
	c := cfg.Kubelet
	period := value(c.CPUCFSQuotaPeriod, metav1.Duration{})
	return resources.Config{
		Root: c.CgroupRoot, Driver: c.CgroupDriver, Cgroups: f.cgroups, Capacity: f.capacity, Reserved: f.reserved,
		Enforce: slices.Contains(c.EnforceNodeAllocatable, "pods"),
		Policy: resources.Policy{
			CPUQuota: value(c.CPUCFSQuota, true), QuotaPeriod: period.Duration,
			PodPids: value(c.PodPidsLimit, -1), HugePageSizes: f.machine.HugePageSizes,
		},
	}
}

// nodeConfig is what the Node object says. Pods that wait for the node to become ready try again when it does.
func nodeConfig(k *Kubelet, clients clients, f facts, events *events) node.Config {
	c := k.cfg.Kubelet
	return node.Config{
		Name: k.cfg.NodeName, Client: k.cfg.Client, Nodes: k.caches.nodes, Recorder: events.recorder,
		Runtime: clients.runtimeAPI, Images: clients.imageAPI, OnReadiness: k.registry.Nudge,
		Register: value(c.RegisterNode, true), Labels: k.cfg.NodeLabels, Taints: c.RegisterWithTaints,
		ProviderID: c.ProviderID, Hostname: k.cfg.hostname(), Addresses: f.addresses,
		Capacity: f.capacity, Allocatable: f.allocatable, System: f.system, KubeletPort: c.Port,
		MaxImages:       int(value(c.NodeStatusMaxImages, 0)),
		UpdateFrequency: c.NodeStatusUpdateFrequency.Duration, ReportFrequency: c.NodeStatusReportFrequency.Duration,
		LeaseDuration: time.Duration(c.NodeLeaseDurationSeconds) * time.Second,
	}
}

// reserved is what pods may not have of the node.
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
