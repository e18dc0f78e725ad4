package options

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	logsapi "k8s.io/component-base/logs/api/v1"
	kubeletconfig "k8s.io/kubelet/config/v1beta1"
)

// Default returns the configuration that the v1beta1 documentation promises where a file says nothing.
func Default() *kubeletconfig.KubeletConfiguration {
	c := &kubeletconfig.KubeletConfiguration{}
	SetDefaults(c)
	return c
}

// SetDefaults fills what is not set.
func SetDefaults(c *kubeletconfig.KubeletConfiguration) {
	pointer(&c.EnableServer, true)
	text(&c.PodLogsDir, "/var/log/pods")
	duration(&c.SyncFrequency, time.Minute)
	duration(&c.FileCheckFrequency, 20*time.Second)
	duration(&c.HTTPCheckFrequency, 20*time.Second)
	text(&c.Address, "0.0.0.0")
	number(&c.Port, 10250)
	pointer(&c.Authentication.Anonymous.Enabled, false)
	pointer(&c.Authentication.Webhook.Enabled, true)
	duration(&c.Authentication.Webhook.CacheTTL, 2*time.Minute)
	if c.Authorization.Mode == "" {
		c.Authorization.Mode = kubeletconfig.KubeletAuthorizationModeWebhook
	}
	duration(&c.Authorization.Webhook.CacheAuthorizedTTL, 5*time.Minute)
	duration(&c.Authorization.Webhook.CacheUnauthorizedTTL, 30*time.Second)
	pointer(&c.RegistryPullQPS, 5)
	number(&c.RegistryBurst, 10)
	pointer(&c.EventRecordQPS, 50)
	number(&c.EventBurst, 100)
	pointer(&c.EnableDebuggingHandlers, true)
	pointer(&c.HealthzPort, 10248)
	text(&c.HealthzBindAddress, "127.0.0.1")
	pointer(&c.OOMScoreAdj, -999)
	duration(&c.StreamingConnectionIdleTimeout, 4*time.Hour)
	if c.NodeStatusReportFrequency.Duration == 0 {
		// Whoever updates more often than by default wants to be heard as often.
		c.NodeStatusReportFrequency.Duration = c.NodeStatusUpdateFrequency.Duration
		duration(&c.NodeStatusReportFrequency, 5*time.Minute)
	}
	duration(&c.NodeStatusUpdateFrequency, 10*time.Second)
	number(&c.NodeLeaseDurationSeconds, 40)
	setRuntimeDefaults(c)
	setResourceDefaults(c)
	logsapi.SetRecommendedLoggingConfiguration(&c.Logging)
}

func setRuntimeDefaults(c *kubeletconfig.KubeletConfiguration) {
	duration(&c.ImageMinimumGCAge, 2*time.Minute)
	pointer(&c.ImageGCHighThresholdPercent, 85)
	pointer(&c.ImageGCLowThresholdPercent, 80)
	duration(&c.RuntimeRequestTimeout, 2*time.Minute)
	text(&c.HairpinMode, kubeletconfig.PromiscuousBridge)
	number(&c.MaxPods, 110)
	pointer(&c.PodPidsLimit, -1)
	pointer(&c.ResolverConfig, "/etc/resolv.conf")
	pointer(&c.NodeStatusMaxImages, 50)
	if c.SerializeImagePulls == nil {
		// Asking for parallel pulls is a wish for them.
		serialize := c.MaxParallelImagePulls == nil || *c.MaxParallelImagePulls < 2
		c.SerializeImagePulls = &serialize
	}
	text(&c.ContainerLogMaxSize, "10Mi")
	pointer(&c.ContainerLogMaxFiles, 5)
	pointer(&c.ContainerLogMaxWorkers, 1)
	pointer(&c.ContainerLogMonitorInterval, metav1.Duration{Duration: 10 * time.Second})
	pointer(&c.SeccompDefault, false)
	text(&c.ContainerRuntimeEndpoint, "unix:///run/containerd/containerd.sock")
	pointer(&c.CrashLoopBackOff.MaxContainerRestartPeriod, metav1.Duration{Duration: 5 * time.Minute})
	if c.ConfigMapAndSecretChangeDetectionStrategy == "" {
		c.ConfigMapAndSecretChangeDetectionStrategy = kubeletconfig.WatchChangeDetectionStrategy
	}
}

func setResourceDefaults(c *kubeletconfig.KubeletConfiguration) {
	pointer(&c.CgroupsPerQOS, true)
	text(&c.CgroupDriver, "cgroupfs")
	text(&c.CPUManagerPolicy, "none")
	text(&c.MemoryManagerPolicy, kubeletconfig.NoneMemoryManagerPolicy)
	text(&c.TopologyManagerPolicy, kubeletconfig.NoneTopologyManagerPolicy)
	text(&c.TopologyManagerScope, kubeletconfig.ContainerTopologyManagerScope)
	pointer(&c.CPUCFSQuota, true)
	pointer(&c.CPUCFSQuotaPeriod, metav1.Duration{Duration: 100 * time.Millisecond})
	if c.MaxOpenFiles == 0 {
		c.MaxOpenFiles = 1000000
	}
	text(&c.ContentType, "application/vnd.kubernetes.protobuf")
	pointer(&c.KubeAPIQPS, 50)
	number(&c.KubeAPIBurst, 100)
	setEvictionDefaults(c)
	duration(&c.EvictionPressureTransitionPeriod, 5*time.Minute)
	pointer(&c.EnableControllerAttachDetach, true)
	pointer(&c.FailSwapOn, true)
	if c.EnforceNodeAllocatable == nil {
		c.EnforceNodeAllocatable = []string{"pods"}
	}
	pointer(&c.EnableSystemLogHandler, true)
	pointer(&c.EnableProfilingHandler, true)
	pointer(&c.RegisterNode, true)
	pointer(&c.LocalStorageCapacityIsolation, true)
	pointer(&c.FailCgroupV1, true)
}

func pointer[T any](p **T, v T) {
	if *p == nil {
		*p = &v
	}
}

func text(p *string, v string) {
	if *p == "" {
		*p = v
	}
}

func number(p *int32, v int32) {
	if *p == 0 {
		*p = v
	}
}

func duration(p *metav1.Duration, v time.Duration) {
	if p.Duration == 0 {
		p.Duration = v
	}
}
