package admission

import (
	"fmt"
	"runtime"
	"sort"
	"strings"

	v1 "k8s.io/api/core/v1"
	apiresource "k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/component-helpers/resource"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"

	"github.com/proa-sh/proa/pkg/kubelet/podstate"
)

// Settings are the node's own rules.
type Settings struct {
	// AllowedSysctls are names, or prefixes ending in *, beyond the safe ones.
	AllowedSysctls []string
}

// Check returns why the node refuses the pod, or nil. node may be nil while it is not registered; then only what does not
// depend on it is checked. others are the pods that use the node now.
func Check(pod *v1.Pod, node *v1.Node, others []*v1.Pod, settings Settings) *podstate.Reason {
	if refusal := checkSysctls(pod, settings.AllowedSysctls); refusal != nil {
		return refusal
	}
	if os := pod.Spec.OS; os != nil && string(os.Name) != runtime.GOOS {
		return &podstate.Reason{Reason: "PodOSNotSupported", Message: "Failed to admit pod as the OS field doesn't match node OS"}
	}
	if node == nil {
		return nil
	}
	if refusal := checkFit(pod, node, others); refusal != nil {
		return refusal
	}
	if ok, err := nodeaffinity.GetRequiredNodeAffinity(pod).Match(node); err != nil || !ok {
		return &podstate.Reason{Reason: "NodeAffinity", Message: "Pod was rejected: Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector"}
	}
	if portsTaken(pod, others) {
		return &podstate.Reason{Reason: "NodePorts", Message: "Pod was rejected: Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports"}
	}
	return nil
}

// checkFit compares requests with what is left. Resources that the node does not list are left to who manages them.
func checkFit(pod *v1.Pod, node *v1.Node, others []*v1.Pod) *podstate.Reason {
	allocatable := node.Status.Allocatable
	if limit, ok := allocatable[v1.ResourcePods]; ok && int64(len(others))+1 > limit.Value() {
		return outOf(v1.ResourcePods, 1, int64(len(others)), limit.Value())
	}
	used := v1.ResourceList{}
	for _, other := range others {
		for name, q := range resource.PodRequests(other, resource.PodResourcesOptions{}) {
			sum := used[name]
			sum.Add(q)
			used[name] = sum
		}
	}
	requests := resource.PodRequests(pod, resource.PodResourcesOptions{})
	names := make([]string, 0, len(requests))
	for name := range requests {
		names = append(names, string(name))
	}
	sort.Strings(names)
	for _, n := range names {
		name := v1.ResourceName(n)
		limit, known := allocatable[name]
		request, have := requests[name], used[name]
		if !known || request.IsZero() {
			continue
		}
		sum := have.DeepCopy()
		sum.Add(request)
		if sum.Cmp(limit) <= 0 {
			continue
		}
		if name == v1.ResourceCPU {
			return outOf(name, request.MilliValue(), have.MilliValue(), limit.MilliValue())
		}
		return outOf(name, request.Value(), have.Value(), limit.Value())
	}
	return nil
}

func outOf(name v1.ResourceName, requested, used, capacity int64) *podstate.Reason {
	return &podstate.Reason{
		Reason: "OutOf" + string(name),
		Message: fmt.Sprintf("Pod was rejected: Node didn't have enough resource: %s, requested: %d, used: %d, capacity: %d",
			name, requested, used, capacity),
	}
}

type hostPort struct {
	protocol v1.Protocol
	port     int32
}

// portsTaken: two pods may share a host port only on different addresses.
func portsTaken(pod *v1.Pod, others []*v1.Pod) bool {
	wanted := hostPorts(pod)
	for _, other := range others {
		for port, ips := range hostPorts(other) {
			for _, a := range ips {
				for _, b := range wanted[port] {
					if a == b || a == "" || b == "" || a == "0.0.0.0" || b == "0.0.0.0" {
						return true
					}
				}
			}
		}
	}
	return false
}

func hostPorts(pod *v1.Pod) map[hostPort][]string {
	ports := map[hostPort][]string{}
	add := func(c *v1.Container) {
		for _, p := range c.Ports {
			if p.HostPort > 0 {
				key := hostPort{p.Protocol, p.HostPort}
				ports[key] = append(ports[key], p.HostIP)
			}
		}
	}
	for i := range pod.Spec.InitContainers {
		if c := &pod.Spec.InitContainers[i]; c.RestartPolicy != nil && *c.RestartPolicy == v1.ContainerRestartPolicyAlways {
			add(c)
		}
	}
	for i := range pod.Spec.Containers {
		add(&pod.Spec.Containers[i])
	}
	return ports
}

// isSafeSysctl: these are kept apart per pod and cannot harm the node (the documented safe set).
func isSafeSysctl(name string) bool {
	switch name {
	case "kernel.shm_rmid_forced",
		"net.ipv4.ip_local_port_range", "net.ipv4.tcp_syncookies", "net.ipv4.ping_group_range",
		"net.ipv4.ip_unprivileged_port_start", "net.ipv4.ip_local_reserved_ports",
		"net.ipv4.tcp_keepalive_time", "net.ipv4.tcp_fin_timeout", "net.ipv4.tcp_keepalive_intvl",
		"net.ipv4.tcp_keepalive_probes", "net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem":
		return true
	}
	return false
}

func checkSysctls(pod *v1.Pod, allowed []string) *podstate.Reason {
	if pod.Spec.SecurityContext == nil {
		return nil
	}
	forbid := func(format string, args ...any) *podstate.Reason {
		return &podstate.Reason{Reason: "SysctlForbidden", Message: "Pod was rejected: forbidden sysctl: " + fmt.Sprintf(format, args...)}
	}
	for _, s := range pod.Spec.SecurityContext.Sysctls {
		name := strings.ReplaceAll(s.Name, "/", ".")
		switch {
		case pod.Spec.HostNetwork && strings.HasPrefix(name, "net."):
			return forbid("%q not allowed with host net enabled", name)
		case pod.Spec.HostIPC && isIPC(name):
			return forbid("%q not allowed with host ipc enabled", name)
		case !isSafeSysctl(name) && !listed(name, allowed):
			return forbid("%q not allowlisted", name)
		}
	}
	return nil
}

func isIPC(name string) bool {
	return strings.HasPrefix(name, "kernel.shm") || strings.HasPrefix(name, "kernel.msg") ||
		name == "kernel.sem" || strings.HasPrefix(name, "fs.mqueue.")
}

func listed(name string, allowed []string) bool {
	for _, a := range allowed {
		if prefix, ok := strings.CutSuffix(a, "*"); ok && strings.HasPrefix(name, prefix) || a == name {
			return true
		}
	}
	return false
}

// Fits decides whether a pod that runs here may have the CPU and memory of its changed spec (KEP-1287): nil, Infeasible when the
// node is too small altogether, or Deferred when others use too much of it now.
func Fits(pod *v1.Pod, node *v1.Node, others []*v1.Pod) *podstate.Reason {
	if node == nil {
		return nil
	}
	requests := resource.PodRequests(pod, resource.PodResourcesOptions{})
	for _, name := range []v1.ResourceName{v1.ResourceCPU, v1.ResourceMemory} {
		limit, request := node.Status.Allocatable[name], requests[name]
		amount := quantityOf(name)
		if request.Cmp(limit) > 0 {
			return &podstate.Reason{Reason: v1.PodReasonInfeasible, Message: fmt.Sprintf(
				"Node didn't have enough capacity: %s, requested: %d, capacity: %d", name, amount(request), amount(limit))}
		}
	}
	for _, name := range []v1.ResourceName{v1.ResourceCPU, v1.ResourceMemory} {
		limit, request := node.Status.Allocatable[name], requests[name]
		amount := quantityOf(name)
		used := request.DeepCopy()
		used.Sub(request)
		for _, other := range others {
			used.Add(resource.PodRequests(other, resource.PodResourcesOptions{})[name])
		}
		sum := used.DeepCopy()
		sum.Add(request)
		if sum.Cmp(limit) > 0 {
			return &podstate.Reason{Reason: v1.PodReasonDeferred, Message: fmt.Sprintf(
				"Node didn't have enough resource: %s, requested: %d, used: %d, capacity: %d", name, amount(request), amount(used), amount(limit))}
		}
	}
	return nil
}

// quantityOf counts CPU in thousandths, all else in units.
func quantityOf(name v1.ResourceName) func(apiresource.Quantity) int64 {
	if name == v1.ResourceCPU {
		return func(q apiresource.Quantity) int64 { return q.MilliValue() }
	}
	return func(q apiresource.Quantity) int64 { return q.Value() }
}
