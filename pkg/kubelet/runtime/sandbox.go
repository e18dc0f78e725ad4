package runtime

import (
	"fmt"
	"strings"

	v1 "k8s.io/api/core/v1"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/proa-sh/proa/pkg/pods"
)

// SandboxInput is everything that a sandbox's configuration is made of.
type SandboxInput struct {
	Pod     *v1.Pod
	Attempt uint32
	// CgroupParent is the pod's cgroup, made before.
	CgroupParent string
	Paths        Paths
	DNS          DNS
	// HostDNS is the node's resolver configuration.
	HostDNS *runtimeapi.DNSConfig
	// UserNS is nil when the pod uses the node's user namespace.
	UserNS *runtimeapi.UserNamespace
	// Overhead and Resources tell the runtime the size of the pod as a whole; nil leaves them out.
	Overhead  *runtimeapi.LinuxContainerResources
	Resources *runtimeapi.LinuxContainerResources
}

// SandboxConfig computes the sandbox of a pod. problem is a note on name resolution worth an event.
func SandboxConfig(in SandboxInput) (conf *runtimeapi.PodSandboxConfig, problem string, err error) {
	pod := in.Pod
	conf = &runtimeapi.PodSandboxConfig{
		Metadata: &runtimeapi.PodSandboxMetadata{
			Name: pod.Name, Namespace: pod.Namespace, Uid: string(pod.UID), Attempt: in.Attempt,
		},
		LogDirectory: in.Paths.LogDir(pod.Namespace, pod.Name, pod.UID),
		Labels:       sandboxLabels(pod),
		Annotations:  pod.Annotations,
	}
	if !pod.Spec.HostNetwork {
		if conf.Hostname, err = Hostname(pod, in.DNS.Domain); err != nil {
			return nil, "", err
		}
		conf.PortMappings = portMappings(pod)
	}
	conf.DnsConfig, problem = DNSConfig(pod, in.DNS, in.HostDNS)
	conf.Linux = &runtimeapi.LinuxPodSandboxConfig{
		CgroupParent:    in.CgroupParent,
		Sysctls:         sysctls(pod),
		SecurityContext: sandboxSecurity(pod, in.UserNS),
		Overhead:        in.Overhead,
		Resources:       in.Resources,
	}
	return conf, problem, nil
}

// maxHostname is the kernel's limit on a host name, without the final zero byte.
const maxHostname = 64

// Hostname is what the pod sees as its host name: its override, its own name cut to a DNS label, or the fully qualified name
// if it asked for that.
func Hostname(pod *v1.Pod, domain string) (string, error) {
	if pod.Spec.HostnameOverride != nil {
		return *pod.Spec.HostnameOverride, nil
	}
	host := ShortHostname(pod)
	if pod.Spec.SetHostnameAsFQDN == nil || !*pod.Spec.SetHostnameAsFQDN {
		return host, nil
	}
	if fqdn := FQDN(pod, domain); fqdn != "" {
		host = fqdn
	}
	if len(host) > maxHostname {
		return "", fmt.Errorf("failed to construct FQDN from pod hostname and cluster domain, FQDN %s is too long (%d characters is the max, %d characters requested)",
			host, maxHostname, len(host))
	}
	return host, nil
}

// ShortHostname is the pod's host name without domain, at most 63 characters.
func ShortHostname(pod *v1.Pod) string {
	if pod.Spec.Hostname != "" {
		return pod.Spec.Hostname
	}
	host := pod.Name
	if len(host) > 63 {
		host = strings.TrimRight(host[:63], "-.")
	}
	return host
}

// FQDN is the pod's name in the cluster's domain, or "" without a subdomain.
func FQDN(pod *v1.Pod, domain string) string {
	if pod.Spec.Subdomain == "" {
		return ""
	}
	return ShortHostname(pod) + "." + pod.Spec.Subdomain + "." + pod.Namespace + ".svc." + domain
}

func portMappings(pod *v1.Pod) []*runtimeapi.PortMapping {
	var mappings []*runtimeapi.PortMapping
	add := func(ports []v1.ContainerPort) {
		for _, p := range ports {
			if p.HostPort == 0 {
				continue
			}
			mappings = append(mappings, &runtimeapi.PortMapping{
				Protocol:      runtimeapi.Protocol(runtimeapi.Protocol_value[string(p.Protocol)]),
				ContainerPort: p.ContainerPort,
				HostPort:      p.HostPort,
				HostIp:        p.HostIP,
			})
		}
	}
	for i := range pod.Spec.InitContainers {
		if c := &pod.Spec.InitContainers[i]; pods.IsSidecar(c) {
			add(c.Ports)
		}
	}
	for i := range pod.Spec.Containers {
		add(pod.Spec.Containers[i].Ports)
	}
	return mappings
}

func sysctls(pod *v1.Pod) map[string]string {
	if pod.Spec.SecurityContext == nil || len(pod.Spec.SecurityContext.Sysctls) == 0 {
		return nil
	}
	m := map[string]string{}
	for _, s := range pod.Spec.SecurityContext.Sysctls {
		m[sysctlName(s.Name)] = s.Value
	}
	return m
}

// sysctlName turns the slash form into the dot form; in it dots and slashes change places (sysctl.d(5)).
func sysctlName(name string) string {
	if i := strings.IndexAny(name, "./"); i < 0 || name[i] == '.' {
		return name
	}
	return strings.Map(func(r rune) rune {
		switch r {
		case '.':
			return '/'
		case '/':
			return '.'
		}
		return r
	}, name)
}
