package core

import (
	"strings"
	"testing"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/proa-sh/proa/staging/apirules/internal/rulestest"
)

func TestValidatePodSpec(t *testing.T) {
	rulestest.Cases(t, validPod, ValidatePod, []podCase{
		{Name: "no name", Change: func(p *v1.Pod) { p.Name = "" }, Want: []string{required("metadata.name")}},
		{Name: "bad name", Change: func(p *v1.Pod) { p.Name = "A" }, Want: []string{invalid("metadata.name")}},
		{Name: "no namespace", Change: func(p *v1.Pod) { p.Namespace = "" }, Want: []string{required("metadata.namespace")}},
		{Name: "mirror without node", Change: func(p *v1.Pod) { p.Annotations = map[string]string{v1.MirrorPodAnnotationKey: "x"} },
			Want: []string{invalid("metadata.annotations[kubernetes.io/config.mirror]")}},
		{Name: "deletion cost", Change: func(p *v1.Pod) { p.Annotations = map[string]string{v1.PodDeletionCost: "+1"} },
			Want: []string{invalid("metadata.annotations[controller.kubernetes.io/pod-deletion-cost]")}},
		{Name: "no containers", Change: spec(func(s *v1.PodSpec) { s.Containers = nil }), Want: []string{required("spec.containers")}},
		{Name: "no restart policy", Change: spec(func(s *v1.PodSpec) { s.RestartPolicy = "" }), Want: []string{required("spec.restartPolicy")}},
		{Name: "restart policy", Change: spec(func(s *v1.PodSpec) { s.RestartPolicy = "Sometimes" }), Want: []string{notSupported("spec.restartPolicy")}},
		{Name: "dns policy", Change: spec(func(s *v1.PodSpec) { s.DNSPolicy = "x" }), Want: []string{notSupported("spec.dnsPolicy")}},
		{Name: "dns none", Change: spec(func(s *v1.PodSpec) { s.DNSPolicy = v1.DNSNone }), Want: []string{required("spec.dnsConfig")}},
		{Name: "dns none without servers", Change: spec(func(s *v1.PodSpec) { s.DNSPolicy, s.DNSConfig = v1.DNSNone, &v1.PodDNSConfig{} }),
			Want: []string{required("spec.dnsConfig.nameservers")}},
		{Name: "four name servers", Change: spec(func(s *v1.PodSpec) {
			s.DNSConfig = &v1.PodDNSConfig{Nameservers: []string{"1.1.1.1", "1.1.1.2", "1.1.1.3", "x"}}
		}), Want: []string{invalid("spec.dnsConfig.nameservers"), invalid("spec.dnsConfig.nameservers[3]")}},
		{Name: "search with underscore and dot", Change: spec(func(s *v1.PodSpec) { s.DNSConfig = &v1.PodDNSConfig{Searches: []string{"_a.b.", "."}} })},
		{Name: "bad search", Change: spec(func(s *v1.PodSpec) { s.DNSConfig = &v1.PodDNSConfig{Searches: []string{"-a"}} }), Want: []string{invalid("spec.dnsConfig.searches[0]")}},
		{Name: "dns option", Change: spec(func(s *v1.PodSpec) { s.DNSConfig = &v1.PodDNSConfig{Options: []v1.PodDNSConfigOption{{}}} }),
			Want: []string{required("spec.dnsConfig.options[0]")}},
		{Name: "hostname", Change: spec(func(s *v1.PodSpec) { s.Hostname = "a.b" }), Want: []string{invalid("spec.hostname")}},
		{Name: "subdomain", Change: spec(func(s *v1.PodSpec) { s.Subdomain = "A" }), Want: []string{invalid("spec.subdomain")}},
		{Name: "hostname override", Change: spec(func(s *v1.PodSpec) {
			s.HostnameOverride, s.SetHostnameAsFQDN = ptr.To(strings.Repeat("a.", 33)+"a"), ptr.To(true)
		}), Want: []string{tooLong("spec.hostnameOverride"), forbidden("spec.hostnameOverride")}},
		{Name: "host alias", Change: spec(func(s *v1.PodSpec) { s.HostAliases = []v1.HostAlias{{IP: "1.2.3", Hostnames: []string{"A"}}} }),
			Want: []string{invalid("spec.hostAliases[0].ip"), invalid("spec.hostAliases[0].hostnames")}},
		{Name: "node selector", Change: spec(func(s *v1.PodSpec) { s.NodeSelector = map[string]string{"/": "x"} }), Want: []string{invalid("spec.nodeSelector")}},
		{Name: "service account", Change: spec(func(s *v1.PodSpec) { s.ServiceAccountName = "A" }), Want: []string{invalid("spec.serviceAccountName")}},
		{Name: "node name", Change: spec(func(s *v1.PodSpec) { s.NodeName = "A" }), Want: []string{invalid("spec.nodeName")}},
		{Name: "priority class", Change: spec(func(s *v1.PodSpec) { s.PriorityClassName = "A" }), Want: []string{invalid("spec.priorityClassName")}},
		{Name: "runtime class", Change: spec(func(s *v1.PodSpec) { s.RuntimeClassName = ptr.To("A") }), Want: []string{invalid("spec.runtimeClassName")}},
		{Name: "deadline", Change: spec(func(s *v1.PodSpec) { s.ActiveDeadlineSeconds = ptr.To[int64](0) }), Want: []string{invalid("spec.activeDeadlineSeconds")}},
		{Name: "deadline too far", Change: spec(func(s *v1.PodSpec) { s.ActiveDeadlineSeconds = ptr.To[int64](1 << 31) }), Want: []string{invalid("spec.activeDeadlineSeconds")}},
		{Name: "preemption", Change: spec(func(s *v1.PodSpec) { s.PreemptionPolicy = ptr.To(v1.PreemptionPolicy("x")) }), Want: []string{notSupported("spec.preemptionPolicy")}},
		{Name: "readiness gate", Change: spec(func(s *v1.PodSpec) { s.ReadinessGates = []v1.PodReadinessGate{{ConditionType: "a b"}} }),
			Want: []string{invalid("spec.readinessGates[0].conditionType")}},
		{Name: "scheduling gates", Change: spec(func(s *v1.PodSpec) {
			s.SchedulingGates, s.NodeName = []v1.PodSchedulingGate{{Name: "a"}, {Name: "a"}, {Name: "/"}}, "n"
		}), Want: []string{duplicate("spec.schedulingGates[1]"), forbidden("spec.nodeName"), invalid("spec.schedulingGates[2]")}},
		{Name: "process namespaces", Change: spec(func(s *v1.PodSpec) { s.ShareProcessNamespace, s.HostPID = ptr.To(true), true }),
			Want: []string{invalid("spec.shareProcessNamespace")}},
		{Name: "user namespace on the host", Change: spec(func(s *v1.PodSpec) {
			s.HostUsers, s.HostIPC, s.HostPID, s.HostNetwork = ptr.To(false), true, true, true
		}),
			Want: []string{forbidden("spec.hostIPC"), forbidden("spec.hostNetwork"), forbidden("spec.hostPID")}},
		{Name: "overhead", Change: spec(func(s *v1.PodSpec) { s.Overhead = list("pods", "1") }), Want: []string{invalid("spec.overhead.limits[pods]")}},
		{Name: "os", Change: spec(func(s *v1.PodSpec) { s.OS = &v1.PodOS{Name: "beos"} }), Want: []string{notSupported("spec.os.name")}},
		{Name: "os without name", Change: spec(func(s *v1.PodSpec) { s.OS = &v1.PodOS{} }), Want: []string{required("spec.os.name")}},
		{Name: "linux with windows options", Change: spec(func(s *v1.PodSpec) {
			s.OS, s.SecurityContext.WindowsOptions = &v1.PodOS{Name: v1.Linux}, &v1.WindowsSecurityContextOptions{}
		}), Want: []string{forbidden("spec.securityContext.windowsOptions")}},
		{Name: "windows with linux options", Change: spec(func(s *v1.PodSpec) {
			s.OS, s.SecurityContext.FSGroup, s.HostPID = &v1.PodOS{Name: v1.Windows}, ptr.To[int64](1), true
			s.Containers[0].SecurityContext = &v1.SecurityContext{Privileged: ptr.To(false)}
		}), Want: []string{forbidden("spec.containers[0].securityContext.privileged"), forbidden("spec.hostPID"), forbidden("spec.securityContext.fsGroup")}},
		{Name: "scheduling group", Change: spec(func(s *v1.PodSpec) { s.SchedulingGroup = &v1.PodSchedulingGroup{} }), Want: []string{invalid("spec.schedulingGroup")}},
	})
}

func TestValidateContainers(t *testing.T) {
	rulestest.Cases(t, validPod, ValidatePod, []podCase{
		{Name: "no name", Change: container(func(c *v1.Container) { c.Name = "" }), Want: []string{required("spec.containers[0].name")}},
		{Name: "name", Change: container(func(c *v1.Container) { c.Name = "a.b" }), Want: []string{invalid("spec.containers[0].name")}},
		{Name: "same name", Change: spec(func(s *v1.PodSpec) { s.Containers = append(s.Containers, s.Containers[0]) }), Want: []string{duplicate("spec.containers[1].name")}},
		{Name: "same name as init", Change: initContainer(false, func(c *v1.Container) { c.Name = "c" }), Want: []string{duplicate("spec.initContainers[0].name")}},
		{Name: "no image", Change: container(func(c *v1.Container) { c.Image = "" }), Want: []string{required("spec.containers[0].image")}},
		{Name: "image with blank", Change: container(func(c *v1.Container) { c.Image = "img " }), Want: []string{invalid("spec.containers[0].image")}},
		{Name: "pull policy", Change: container(func(c *v1.Container) { c.ImagePullPolicy = "x" }), Want: []string{notSupported("spec.containers[0].imagePullPolicy")}},
		{Name: "no pull policy", Change: container(func(c *v1.Container) { c.ImagePullPolicy = "" }), Want: []string{required("spec.containers[0].imagePullPolicy")}},
		{Name: "message policy", Change: container(func(c *v1.Container) { c.TerminationMessagePolicy = "x" }), Want: []string{notSupported("spec.containers[0].terminationMessagePolicy")}},
		{Name: "restart policy", Change: container(func(c *v1.Container) { c.RestartPolicy = ptr.To(v1.ContainerRestartPolicy("x")) }), Want: []string{notSupported("spec.containers[0].restartPolicy")}},
		{Name: "restart rules", Change: container(func(c *v1.Container) {
			c.RestartPolicyRules = []v1.ContainerRestartRule{{Action: "x"}, {Action: v1.ContainerRestartRuleActionRestart, ExitCodes: &v1.ContainerRestartRuleOnExitCodes{}}}
		}), Want: []string{required("spec.containers[0].restartPolicy"), notSupported("spec.containers[0].restartPolicyRules[0].action"),
			required("spec.containers[0].restartPolicyRules[0].exitCodes"), notSupported("spec.containers[0].restartPolicyRules[1].exitCodes.operator"),
			invalid("spec.containers[0].restartPolicyRules[1].exitCodes.values")}},
		{Name: "init with probe", Change: initContainer(false, func(c *v1.Container) {
			c.ReadinessProbe, c.Lifecycle = probe(nil), &v1.Lifecycle{}
		}), Want: []string{forbidden("spec.initContainers[0].lifecycle"), forbidden("spec.initContainers[0].readinessProbe")}},
		{Name: "sidecar with probe", Change: initContainer(true, func(c *v1.Container) { c.ReadinessProbe = probe(nil) })},
		{Name: "ephemeral on create", Change: ephemeral(func(*v1.EphemeralContainer) {}), Want: []string{forbidden("spec.ephemeralContainers")}},
		{Name: "ephemeral with ports", Change: ephemeral(func(c *v1.EphemeralContainer) {
			c.Ports, c.TargetContainerName = []v1.ContainerPort{{ContainerPort: 1, Protocol: "TCP"}}, "x"
			c.VolumeMounts = []v1.VolumeMount{{Name: "empty", MountPath: "/a", SubPath: "b"}}
			c.Resources.Limits = list("cpu", "1")
		}), Want: []string{forbidden("spec.ephemeralContainers"), forbidden("spec.ephemeralContainers[0].ports"), forbidden("spec.ephemeralContainers[0].resources"),
			notFound("spec.ephemeralContainers[0].targetContainerName"), forbidden("spec.ephemeralContainers[0].volumeMounts[0].subPath")}},
	})
}

// probe is one that is defaulted, by exec unless another handler is given.
func probe(h *v1.ProbeHandler) *v1.Probe {
	p := &v1.Probe{ProbeHandler: v1.ProbeHandler{Exec: &v1.ExecAction{Command: []string{"true"}}}}
	if h != nil {
		p.ProbeHandler = *h
	}
	setProbeDefaults(p)
	return p
}

func TestValidateProbesAndHooks(t *testing.T) {
	const c = "spec.containers[0]."
	live := func(change func(*v1.Probe)) func(*v1.Pod) {
		return container(func(c *v1.Container) { c.LivenessProbe = probe(nil); change(c.LivenessProbe) })
	}
	hook := func(h v1.LifecycleHandler) func(*v1.Pod) {
		return container(func(c *v1.Container) { c.Lifecycle = &v1.Lifecycle{PreStop: &h} })
	}
	rulestest.Cases(t, validPod, ValidatePod, []podCase{
		{Name: "no command", Change: live(func(p *v1.Probe) { p.Exec.Command = nil }), Want: []string{required(c + "livenessProbe.exec.command")}},
		{Name: "no handler", Change: live(func(p *v1.Probe) { p.Exec = nil }), Want: []string{required(c + "livenessProbe")}},
		{Name: "two handlers", Change: live(func(p *v1.Probe) { p.GRPC = &v1.GRPCAction{Port: 1} }), Want: []string{forbidden(c + "livenessProbe.grpc")}},
		{Name: "successes", Change: live(func(p *v1.Probe) { p.SuccessThreshold = 2 }), Want: []string{invalid(c + "livenessProbe.successThreshold")}},
		{Name: "negative", Change: live(func(p *v1.Probe) { p.PeriodSeconds = -1 }), Want: []string{invalid(c + "livenessProbe.periodSeconds")}},
		{Name: "grace", Change: live(func(p *v1.Probe) { p.TerminationGracePeriodSeconds = ptr.To[int64](0) }), Want: []string{invalid(c + "livenessProbe.terminationGracePeriodSeconds")}},
		{Name: "grace of readiness", Change: container(func(c *v1.Container) {
			c.ReadinessProbe = probe(nil)
			c.ReadinessProbe.TerminationGracePeriodSeconds = ptr.To[int64](1)
		}), Want: []string{invalid(c + "readinessProbe.terminationGracePeriodSeconds")}},
		{Name: "startup successes", Change: container(func(c *v1.Container) { c.StartupProbe = probe(nil); c.StartupProbe.SuccessThreshold = 2 }),
			Want: []string{invalid(c + "startupProbe.successThreshold")}},
		{Name: "grpc port", Change: live(func(p *v1.Probe) { p.Exec, p.GRPC = nil, &v1.GRPCAction{} }), Want: []string{invalid(c + "livenessProbe.grpc.port")}},
		{Name: "http", Change: live(func(p *v1.Probe) {
			p.Exec, p.HTTPGet = nil, &v1.HTTPGetAction{Scheme: "ftp", Port: intstr.FromString("1"), HTTPHeaders: []v1.HTTPHeader{{Name: "a b"}}}
		}), Want: []string{required(c + "livenessProbe.httpGet.path"), invalid(c + "livenessProbe.httpGet.port"),
			notSupported(c + "livenessProbe.httpGet.scheme"), invalid(c + "livenessProbe.httpGet.httpHeaders")}},
		{Name: "tcp", Change: live(func(p *v1.Probe) { p.Exec, p.TCPSocket = nil, &v1.TCPSocketAction{} }), Want: []string{invalid(c + "livenessProbe.tcpSocket.port")}},
		{Name: "sleep of zero", Change: hook(v1.LifecycleHandler{Sleep: &v1.SleepAction{}})},
		{Name: "sleep beyond the end", Change: hook(v1.LifecycleHandler{Sleep: &v1.SleepAction{Seconds: 31}}), Want: []string{invalid(c + "lifecycle.preStop.sleep")}},
		{Name: "empty hook", Change: hook(v1.LifecycleHandler{}), Want: []string{required(c + "lifecycle.preStop")}},
		{Name: "signal without os", Change: container(func(c *v1.Container) { c.Lifecycle = &v1.Lifecycle{StopSignal: ptr.To(v1.SIGTERM)} }),
			Want: []string{forbidden(c + "lifecycle.stopSignal")}},
		{Name: "signal of windows", Change: spec(func(s *v1.PodSpec) {
			s.OS = &v1.PodOS{Name: v1.Windows}
			s.Containers[0].Lifecycle = &v1.Lifecycle{StopSignal: ptr.To(v1.SIGUSR1)}
		}), Want: []string{notSupported(c + "lifecycle.stopSignal")}},
	})
}

func TestValidateEnvironment(t *testing.T) {
	const c = "spec.containers[0]."
	env := func(vars ...v1.EnvVar) func(*v1.Pod) { return container(func(c *v1.Container) { c.Env = vars }) }
	field := func(path string) func(*v1.Pod) {
		return env(v1.EnvVar{Name: "a", ValueFrom: &v1.EnvVarSource{FieldRef: &v1.ObjectFieldSelector{APIVersion: "v1", FieldPath: path}}})
	}
	res := func(name, div string) func(*v1.Pod) {
		f := &v1.ResourceFieldSelector{Resource: name}
		if div != "" {
			f.Divisor = quantity(div)
		}
		return env(v1.EnvVar{Name: "a", ValueFrom: &v1.EnvVarSource{ResourceFieldRef: f}})
	}
	rulestest.Cases(t, validPod, ValidatePod, []podCase{
		{Name: "no name", Change: env(v1.EnvVar{}), Want: []string{required(c + "env[0].name")}},
		{Name: "relaxed name", Change: env(v1.EnvVar{Name: "1 -/x"})},
		{Name: "name with equals", Change: env(v1.EnvVar{Name: "a=b"}), Want: []string{invalid(c + "env[0].name")}},
		{Name: "no source", Change: env(v1.EnvVar{Name: "a", ValueFrom: &v1.EnvVarSource{}}), Want: []string{invalid(c + "env[0].valueFrom")}},
		{Name: "value and source", Change: env(v1.EnvVar{Name: "a", Value: "b", ValueFrom: &v1.EnvVarSource{FieldRef: &v1.ObjectFieldSelector{APIVersion: "v1", FieldPath: "metadata.name"}}}),
			Want: []string{invalid(c + "env[0].valueFrom")}},
		{Name: "no key", Change: env(v1.EnvVar{Name: "a", ValueFrom: &v1.EnvVarSource{SecretKeyRef: &v1.SecretKeySelector{}}}),
			Want: []string{required(c + "env[0].valueFrom.secretKeyRef.name"), required(c + "env[0].valueFrom.secretKeyRef.key")}},
		{Name: "label", Change: field("metadata.labels['a/b']")},
		{Name: "bad label", Change: field("metadata.labels['/']"), Want: []string{invalid(c + "env[0].valueFrom.fieldRef")}},
		{Name: "subscript of name", Change: field("metadata.name['a']"), Want: []string{invalid(c + "env[0].valueFrom.fieldRef")}},
		{Name: "host addresses", Change: field("status.hostIPs")},
		{Name: "no such field", Change: field("spec.x"), Want: []string{invalid(c + "env[0].valueFrom.fieldRef.fieldPath")}},
		{Name: "field of files only", Change: field("metadata.labels"), Want: []string{notSupported(c + "env[0].valueFrom.fieldRef.fieldPath")}},
		{Name: "resource", Change: res("limits.cpu", "1m")},
		{Name: "resource without divisor", Change: res("requests.hugepages-2Mi", "")},
		{Name: "unknown resource", Change: res("limits.gpu", ""), Want: []string{notSupported(c + "env[0].valueFrom.resourceFieldRef.resource")}},
		{Name: "divisor", Change: res("limits.memory", "1m"), Want: []string{invalid(c + "env[0].valueFrom.resourceFieldRef.divisor")}},
		{Name: "file", Change: env(v1.EnvVar{Name: "a", ValueFrom: &v1.EnvVarSource{FileKeyRef: &v1.FileKeySelector{VolumeName: "empty", Path: "a", Key: "k"}}})},
		{Name: "file of a claim", Change: env(v1.EnvVar{Name: "a", ValueFrom: &v1.EnvVarSource{FileKeyRef: &v1.FileKeySelector{VolumeName: "claim", Path: "../a"}}}),
			Want: []string{invalid(c + "env[0].valueFrom.fileKeyRef.volumeName"), invalid(c + "env[0].valueFrom.fileKeyRef.path"), required(c + "env[0].valueFrom.fileKeyRef.key")}},
		{Name: "envFrom", Change: container(func(c *v1.Container) { c.EnvFrom = []v1.EnvFromSource{{Prefix: "="}} }),
			Want: []string{invalid(c + "envFrom[0]"), invalid(c + "envFrom[0].prefix")}},
		{Name: "envFrom without name", Change: container(func(c *v1.Container) { c.EnvFrom = []v1.EnvFromSource{{SecretRef: &v1.SecretEnvSource{}}} }),
			Want: []string{required(c + "envFrom[0].secretRef.name")}},
	})
}

func TestValidatePorts(t *testing.T) {
	const c = "spec.containers[0].ports"
	ports := func(list ...v1.ContainerPort) func(*v1.Pod) {
		return container(func(c *v1.Container) { c.Ports = list })
	}
	rulestest.Cases(t, validPod, ValidatePod, []podCase{
		{Name: "no number", Change: ports(v1.ContainerPort{Protocol: "TCP"}), Want: []string{required(c + "[0].containerPort")}},
		{Name: "number", Change: ports(v1.ContainerPort{Protocol: "TCP", ContainerPort: 65536, HostPort: -1}), Want: []string{invalid(c + "[0].containerPort"), invalid(c + "[0].hostPort")}},
		{Name: "protocol", Change: ports(v1.ContainerPort{Protocol: "tcp", ContainerPort: 1}), Want: []string{notSupported(c + "[0].protocol")}},
		{Name: "name", Change: ports(v1.ContainerPort{Protocol: "TCP", ContainerPort: 1, Name: "A"}), Want: []string{invalid(c + "[0].name")}},
		{Name: "names", Change: ports(v1.ContainerPort{Protocol: "TCP", ContainerPort: 1, Name: "a"}, v1.ContainerPort{Protocol: "TCP", ContainerPort: 2, Name: "a"}),
			Want: []string{duplicate(c + "[1].name")}},
		{Name: "host address", Change: ports(v1.ContainerPort{Protocol: "TCP", ContainerPort: 1, HostIP: "01.2.3.4"}), Want: []string{invalid(c + "[0].hostIP")}},
		{Name: "host ports", Change: ports(v1.ContainerPort{Protocol: "TCP", ContainerPort: 1, HostPort: 5}, v1.ContainerPort{Protocol: "TCP", ContainerPort: 2, HostPort: 5}),
			Want: []string{duplicate(c + "[1].hostPort")}},
		{Name: "host network", Change: func(p *v1.Pod) {
			p.Spec.HostNetwork = true
			p.Spec.Containers[0].Ports = []v1.ContainerPort{{Protocol: "TCP", ContainerPort: 1, HostPort: 2}}
		}, Want: []string{invalid(c + "[0].containerPort")}},
	})
}

func TestValidateMounts(t *testing.T) {
	const c = "spec.containers[0]."
	mounts := func(list ...v1.VolumeMount) func(*v1.Pod) {
		return container(func(c *v1.Container) { c.VolumeMounts = list })
	}
	rulestest.Cases(t, validPod, ValidatePod, []podCase{
		{Name: "empty", Change: mounts(v1.VolumeMount{}), Want: []string{required(c + "volumeMounts[0].name"), required(c + "volumeMounts[0].mountPath")}},
		{Name: "no such volume", Change: mounts(v1.VolumeMount{Name: "x", MountPath: "/a"}), Want: []string{notFound(c + "volumeMounts[0].name")}},
		{Name: "same path", Change: mounts(v1.VolumeMount{Name: "empty", MountPath: "/a"}, v1.VolumeMount{Name: "claim", MountPath: "/a"}), Want: []string{invalid(c + "volumeMounts[1].mountPath")}},
		{Name: "sub paths", Change: mounts(v1.VolumeMount{Name: "empty", MountPath: "/a", SubPath: "../x", SubPathExpr: "/y"}),
			Want: []string{invalid(c + "volumeMounts[0].subPath"), invalid(c + "volumeMounts[0].subPathExpr")}},
		{Name: "bidirectional", Change: mounts(v1.VolumeMount{Name: "empty", MountPath: "/a", MountPropagation: ptr.To(v1.MountPropagationBidirectional)}),
			Want: []string{forbidden(c + "volumeMounts[0].mountPropagation")}},
		{Name: "recursive read-only", Change: mounts(v1.VolumeMount{Name: "empty", MountPath: "/a", RecursiveReadOnly: ptr.To(v1.RecursiveReadOnlyEnabled)}),
			Want: []string{forbidden(c + "volumeMounts[0].recursiveReadOnly")}},
		{Name: "device", Change: container(func(c *v1.Container) { c.VolumeDevices = []v1.VolumeDevice{{Name: "claim", DevicePath: "/dev/x"}} })},
		{Name: "device of a directory", Change: container(func(c *v1.Container) { c.VolumeDevices = []v1.VolumeDevice{{Name: "empty", DevicePath: "/../x"}} }),
			Want: []string{invalid(c + "volumeDevices[0].name"), invalid(c + "volumeDevices[0].devicePath")}},
		{Name: "device and mount", Change: container(func(c *v1.Container) {
			c.VolumeMounts = []v1.VolumeMount{{Name: "claim", MountPath: "/x"}}
			c.VolumeDevices = []v1.VolumeDevice{{Name: "claim", DevicePath: "/x"}}
		}), Want: []string{invalid(c + "volumeMounts[0].name"), invalid(c + "volumeMounts[0].mountPath"), invalid(c + "volumeDevices[0].name"), invalid(c + "volumeDevices[0].devicePath")}},
	})
}

func TestValidateTemplate(t *testing.T) {
	template := func() *v1.PodTemplate {
		tm := &v1.PodTemplate{ObjectMeta: metav1.ObjectMeta{Name: "t", Namespace: "ns"}, Template: v1.PodTemplateSpec{Spec: validPod().Spec}}
		SetPodTemplateDefaults(tm)
		return tm
	}
	rulestest.Cases(t, template, ValidatePodTemplate, []rulestest.Case[v1.PodTemplate]{
		{Name: "labels", Change: func(t *v1.PodTemplate) { t.Template.Labels = map[string]string{"/": ""} }, Want: []string{invalid("template.labels")}},
		{Name: "image with blank", Change: func(t *v1.PodTemplate) { t.Template.Spec.Containers[0].Image = "img " }},
		{Name: "image volume without reference", Change: func(t *v1.PodTemplate) {
			t.Template.Spec.Volumes = []v1.Volume{{Name: "i", VolumeSource: v1.VolumeSource{Image: &v1.ImageVolumeSource{PullPolicy: v1.PullAlways}}}}
		}},
		{Name: "host network without host port", Change: func(t *v1.PodTemplate) {
			t.Template.Spec.HostNetwork = true
			t.Template.Spec.Containers[0].Ports = []v1.ContainerPort{{ContainerPort: 1, Protocol: "TCP"}}
		}},
		{Name: "ephemeral containers", Change: func(t *v1.PodTemplate) {
			t.Template.Spec.EphemeralContainers = []v1.EphemeralContainer{{EphemeralContainerCommon: v1.EphemeralContainerCommon(func() v1.Container {
				c := v1.Container{Name: "d", Image: "i"}
				setContainerDefaults(&c)
				return c
			}())}}
		}, Want: []string{forbidden("template.spec.ephemeralContainers")}},
	})
}
