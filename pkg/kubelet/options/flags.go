package options

import (
	"strconv"

	"github.com/spf13/pflag"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	cliflag "k8s.io/component-base/cli/flag"
	kubeletconfig "k8s.io/kubelet/config/v1beta1"
)

// addConfigFlags binds the upstream flags that stand for fields of the configuration. Defaults must be set.
func addConfigFlags(fs *pflag.FlagSet, c *kubeletconfig.KubeletConfiguration) {
	addServerFlags(fs, c)
	addRuntimeFlags(fs, c)
	addResourceFlags(fs, c)
}

func addServerFlags(fs *pflag.FlagSet, c *kubeletconfig.KubeletConfiguration) {
	fs.BoolVar(c.EnableServer, "enable-server", *c.EnableServer, "Serve the kubelet's API.")
	fs.StringVar(&c.Address, "address", c.Address, "Address to serve on.")
	fs.Int32Var(&c.Port, "port", c.Port, "Port to serve on.")
	fs.Int32Var(c.HealthzPort, "healthz-port", *c.HealthzPort, "Port of /healthz on the loopback address; 0 for none.")
	fs.StringVar(&c.HealthzBindAddress, "healthz-bind-address", c.HealthzBindAddress, "Address of /healthz.")
	fs.StringVar(&c.TLSCertFile, "tls-cert-file", c.TLSCertFile, "Serving certificate. Without one, one is made in --cert-dir.")
	fs.StringVar(&c.TLSPrivateKeyFile, "tls-private-key-file", c.TLSPrivateKeyFile, "Key of the serving certificate.")
	fs.BoolVar(&c.RotateCertificates, "rotate-certificates", c.RotateCertificates, "Renew the client certificate before it expires.")
	fs.BoolVar(&c.ServerTLSBootstrap, "rotate-server-certificates", c.ServerTLSBootstrap, "Ask the cluster for the serving certificate and renew it before it expires.")
	fs.StringVar(&c.TLSMinVersion, "tls-min-version", c.TLSMinVersion, "Lowest version of TLS, such as VersionTLS12.")
	fs.StringSliceVar(&c.TLSCipherSuites, "tls-cipher-suites", c.TLSCipherSuites, "Cipher suites up to TLS 1.2 by name; Go's choice when empty.")
	fs.StringVar(&c.Authentication.X509.ClientCAFile, "client-ca-file", c.Authentication.X509.ClientCAFile, "Authority of client certificates.")
	fs.BoolVar(c.Authentication.Anonymous.Enabled, "anonymous-auth", *c.Authentication.Anonymous.Enabled, "Let callers without credentials in as system:anonymous.")
	fs.BoolVar(c.Authentication.Webhook.Enabled, "authentication-token-webhook", *c.Authentication.Webhook.Enabled, "Ask the API server about bearer tokens.")
	fs.DurationVar(&c.Authentication.Webhook.CacheTTL.Duration, "authentication-token-webhook-cache-ttl", c.Authentication.Webhook.CacheTTL.Duration, "How long answers about tokens are kept.")
	fs.Var((*mode)(&c.Authorization.Mode), "authorization-mode", "AlwaysAllow, or Webhook to ask the API server.")
	fs.DurationVar(&c.Authorization.Webhook.CacheAuthorizedTTL.Duration, "authorization-webhook-cache-authorized-ttl", c.Authorization.Webhook.CacheAuthorizedTTL.Duration, "How long a permission is kept.")
	fs.DurationVar(&c.Authorization.Webhook.CacheUnauthorizedTTL.Duration, "authorization-webhook-cache-unauthorized-ttl", c.Authorization.Webhook.CacheUnauthorizedTTL.Duration, "How long a refusal is kept.")
	fs.BoolVar(c.EnableDebuggingHandlers, "enable-debugging-handlers", *c.EnableDebuggingHandlers, "Serve logs, exec, attach and port-forward.")
	fs.StringVar(&c.StaticPodPath, "pod-manifest-path", c.StaticPodPath, "Directory of manifests of static pods, or one manifest.")
	fs.Var((*taints)(&c.RegisterWithTaints), "register-with-taints", "Taints of a Node that is made anew, key=value:effect separated by commas.")
	fs.DurationVar(&c.FileCheckFrequency.Duration, "file-check-frequency", c.FileCheckFrequency.Duration, "How often the manifests of static pods are read though no change was noticed.")
	fs.DurationVar(&c.StreamingConnectionIdleTimeout.Duration, "streaming-connection-idle-timeout", c.StreamingConnectionIdleTimeout.Duration, "How long a stream may be idle before it is closed.")
	fs.Int32Var(c.OOMScoreAdj, "oom-score-adj", *c.OOMScoreAdj, "The oom-score-adj value for the process, within [-1000, 1000].")
	fs.BoolVar(c.LocalStorageCapacityIsolation, "local-storage-capacity-isolation", *c.LocalStorageCapacityIsolation,
		"Enforce limits of ephemeral storage of pods, containers and emptyDir volumes.")
	fs.BoolVar(c.FailSwapOn, "fail-swap-on", *c.FailSwapOn, "Refuse to start on a machine that swaps.")
	fs.BoolVar(c.RegisterNode, "register-node", *c.RegisterNode, "Make the Node if there is none.")
	fs.StringVar(&c.ProviderID, "provider-id", c.ProviderID, "The machine's name at its provider.")
	fs.DurationVar(&c.NodeStatusUpdateFrequency.Duration, "node-status-update-frequency", c.NodeStatusUpdateFrequency.Duration, "How often the node's status is computed.")
	fs.Int32Var(c.NodeStatusMaxImages, "node-status-max-images", *c.NodeStatusMaxImages, "How many images the node's status lists; -1 for all.")
}

func addRuntimeFlags(fs *pflag.FlagSet, c *kubeletconfig.KubeletConfiguration) {
	fs.StringVar(&c.ContainerRuntimeEndpoint, "container-runtime-endpoint", c.ContainerRuntimeEndpoint, "URL of the container runtime's socket.")
	fs.StringVar(&c.ImageServiceEndpoint, "image-service-endpoint", c.ImageServiceEndpoint, "URL of the image service; the runtime's when empty.")
	fs.DurationVar(&c.RuntimeRequestTimeout.Duration, "runtime-request-timeout", c.RuntimeRequestTimeout.Duration, "Limit of calls of the runtime that have no time of their own.")
	fs.StringSliceVar(&c.ClusterDNS, "cluster-dns", c.ClusterDNS, "Addresses of the cluster's name servers.")
	fs.StringVar(&c.ClusterDomain, "cluster-domain", c.ClusterDomain, "Domain of the cluster.")
	fs.StringVar(c.ResolverConfig, "resolv-conf", *c.ResolverConfig, "The node's resolver configuration; empty for none.")
	fs.BoolVar(c.SerializeImagePulls, "serialize-image-pulls", *c.SerializeImagePulls, "Pull one image at a time.")
	fs.Int32Var(c.ImageGCHighThresholdPercent, "image-gc-high-threshold", *c.ImageGCHighThresholdPercent, "Percent of the disk above which unused images are removed.")
	fs.Int32Var(c.ImageGCLowThresholdPercent, "image-gc-low-threshold", *c.ImageGCLowThresholdPercent, "Percent of the disk down to which they are removed.")
	fs.DurationVar(&c.ImageMinimumGCAge.Duration, "minimum-image-ttl-duration", c.ImageMinimumGCAge.Duration, "How long an unused image is kept at least.")
	fs.StringVar(&c.ContainerLogMaxSize, "container-log-max-size", c.ContainerLogMaxSize, "Size at which a container's log is rotated.")
	fs.Int32Var(c.ContainerLogMaxFiles, "container-log-max-files", *c.ContainerLogMaxFiles, "How many log files a container may have.")
	fs.BoolVar(c.SeccompDefault, "seccomp-default", *c.SeccompDefault, "Use RuntimeDefault for containers without a seccomp profile.")
	fs.StringSliceVar(&c.AllowedUnsafeSysctls, "allowed-unsafe-sysctls", c.AllowedUnsafeSysctls, "Sysctls that pods may set beyond the safe ones; a final * stands for any end.")
}

func addResourceFlags(fs *pflag.FlagSet, c *kubeletconfig.KubeletConfiguration) {
	fs.Int32Var(&c.MaxPods, "max-pods", c.MaxPods, "How many pods the node takes.")
	fs.Int64Var(c.PodPidsLimit, "pod-max-pids", *c.PodPidsLimit, "How many processes a pod may have; -1 for no limit.")
	fs.Int32Var(&c.PodsPerCore, "pods-per-core", c.PodsPerCore, "How many pods the node takes for each of its cores, up to --max-pods; 0 for no such limit.")
	fs.BoolVar(c.CgroupsPerQOS, "cgroups-per-qos", *c.CgroupsPerQOS, "Give each pod a cgroup, below one of its quality of service; must be true.")
	fs.StringVar(&c.CgroupRoot, "cgroup-root", c.CgroupRoot, "Cgroup in which pods are put.")
	fs.StringVar(&c.CgroupDriver, "cgroup-driver", c.CgroupDriver, "cgroupfs.")
	fs.BoolVar(c.CPUCFSQuota, "cpu-cfs-quota", *c.CPUCFSQuota, "Enforce CPU limits.")
	fs.Var((*period)(c.CPUCFSQuotaPeriod), "cpu-cfs-quota-period", "Period of CPU limits.")
	fs.StringSliceVar(&c.EnforceNodeAllocatable, "enforce-node-allocatable", c.EnforceNodeAllocatable, "What is kept within the node's allocatable resources: pods, or nothing.")
	fs.Var(cliflag.NewMapStringString(&c.KubeReserved), "kube-reserved", "Resources kept for Kubernetes, as cpu=200m,memory=500Mi.")
	fs.Var(cliflag.NewMapStringString(&c.SystemReserved), "system-reserved", "Resources kept for the system.")
	fs.Var(cliflag.NewLangleSeparatedMapStringString(&c.EvictionHard), "eviction-hard", "What has to be available, such as memory.available<1Gi; below it pods are ended at once.")
	fs.Var(cliflag.NewLangleSeparatedMapStringString(&c.EvictionSoft), "eviction-soft", "What has to be available for --eviction-soft-grace-period; below it pods are ended.")
	fs.Var(cliflag.NewMapStringString(&c.EvictionSoftGracePeriod), "eviction-soft-grace-period", "How long a soft threshold must have been met, such as memory.available=30s.")
	fs.Int32Var(&c.EvictionMaxPodGracePeriod, "eviction-max-pod-grace-period", c.EvictionMaxPodGracePeriod, "Most seconds that a pod gets to end at a soft threshold; negative for its own period.")
	fs.DurationVar(&c.EvictionPressureTransitionPeriod.Duration, "eviction-pressure-transition-period", c.EvictionPressureTransitionPeriod.Duration, "How long a pressure of the node is told after it has gone.")
	fs.Var(cliflag.NewMapStringString(&c.EvictionMinimumReclaim), "eviction-minimum-reclaim", "How much more than a threshold has to be available again, such as imagefs.available=2Gi.")
	fs.BoolVar(c.FailCgroupV1, "fail-cgroupv1", *c.FailCgroupV1, "Refuse to start on cgroup v1.")
}

// mode is a flag of KubeletAuthorizationMode.
type mode kubeletconfig.KubeletAuthorizationMode

func (m *mode) String() string     { return string(*m) }
func (m *mode) Set(s string) error { *m = mode(s); return nil }
func (m *mode) Type() string       { return "string" }

// period is a flag of metav1.Duration.
type period metav1.Duration

func (p *period) String() string { return p.Duration.String() }
func (p *period) Type() string   { return "duration" }
func (p *period) Set(s string) error {
	return (*metav1.Duration)(p).UnmarshalJSON([]byte(strconv.Quote(s)))
}
