package options

import (
	"maps"

	"github.com/proa-sh/proa/pkg/component"
)

// Accepted says what becomes of all flags and of all fields of the configuration file.
func (o *Options) Accepted() component.Settings {
	return component.Settings{Flags: flagTable(), Fields: fieldTable(), Defaults: Default(), File: o.ConfigFile}
}

// fieldTable has all fields of KubeletConfiguration.
func fieldTable() component.Table {
	return component.Table{
		// Without effect, or refused.
		"syncFrequency":                             component.NoEffect("pods are driven by events, nothing is polled"),
		"httpCheckFrequency":                        component.NoEffect("pods are driven by events, nothing is polled"),
		"staticPodURLHeader":                        component.NoEffect("static pods come from files only"),
		"readOnlyPort":                              component.NoEffect("there is no unprotected port; use the API at port 10250"),
		"tlsCurvePreferences":                       component.Refused("the curves of TLS cannot be chosen"),
		"registryPullQPS":                           component.NoEffect("pulls are bounded in number (maxParallelImagePulls), not in rate"),
		"registryBurst":                             component.NoEffect("pulls are bounded in number (maxParallelImagePulls), not in rate"),
		"imagePullCredentialsVerificationPolicy":    component.Refused("who pulled an image that is present is not checked").But("", "NeverVerify"),
		"preloadedImagesVerificationAllowlist":      component.Refused("who pulled an image that is present is not checked"),
		"eventRecordQPS":                            component.NoEffect("events are not limited at the kubelet"),
		"eventBurst":                                component.NoEffect("events are not limited at the kubelet"),
		"enableContentionProfiling":                 component.NoEffect("profiles are not served"),
		"volumeStatsAggPeriod":                      component.NoEffect("pods are driven by events, nothing is polled"),
		"kubeletCgroups":                            component.NoEffect("the kubelet and system processes stay in the cgroups in which they are started"),
		"systemCgroups":                             component.NoEffect("the kubelet and system processes stay in the cgroups in which they are started"),
		"cpuManagerPolicy":                          component.Refused("CPUs are not given to containers exclusively"),
		"singleProcessOOMKill":                      component.NoEffect("the kernel kills as the container runtime has it set"),
		"cpuManagerPolicyOptions":                   component.Refused("CPUs are not given to containers exclusively"),
		"cpuManagerReconcilePeriod":                 component.NoEffect("pods are driven by events, nothing is polled"),
		"memoryManagerPolicy":                       component.Refused("memory of NUMA nodes is not given to containers exclusively"),
		"topologyManagerPolicy":                     component.Refused("resources are not aligned with NUMA nodes"),
		"topologyManagerScope":                      component.NoEffect("resources are not aligned with NUMA nodes"),
		"topologyManagerPolicyOptions":              component.Refused("resources are not aligned with NUMA nodes"),
		"qosReserved":                               component.Refused("memory is not reserved by quality of service"),
		"hairpinMode":                               component.NoEffect("the network plugin decides about hairpin traffic"),
		"podCIDR":                                   component.NoEffect("pods come from an API server, and their addresses from the network plugin"),
		"runOnce":                                   component.Refused("the kubelet runs until it is ended"),
		"maxOpenFiles":                              component.NoEffect("the process keeps the limit that it is started with"),
		"contentType":                               component.NoEffect("the kubelet speaks protobuf, and JSON where the API server wants it"),
		"kubeAPIQPS":                                component.NoEffect("requests are not limited at the client; the API server shares itself out fairly"),
		"kubeAPIBurst":                              component.NoEffect("requests are not limited at the client; the API server shares itself out fairly"),
		"enableControllerAttachDetach":              component.NoEffect("this kubelet attaches no volumes"),
		"protectKernelDefaults":                     component.Refused("the kubelet does not compare the kernel's settings with what it expects"),
		"makeIPTablesUtilChains":                    component.NoEffect("this kubelet makes no iptables rules"),
		"iptablesMasqueradeBit":                     component.NoEffect("this kubelet makes no iptables rules"),
		"iptablesDropBit":                           component.NoEffect("this kubelet makes no iptables rules"),
		"memorySwap.swapBehavior":                   component.Refused("pods get no swap").But("", "NoSwap"),
		"containerLogMaxWorkers":                    component.NoEffect("logs are rotated one after the other"),
		"configMapAndSecretChangeDetectionStrategy": component.NoEffect("ConfigMaps and Secrets of pods are always watched"),
		"reservedSystemCPUs":                        component.Refused("no CPUs are kept free of pods; use systemReserved"),
		"showHiddenMetricsForVersion":               component.NoEffect("there are no hidden metrics"),
		"systemReservedCgroup":                      component.Refused("reservations are not enforced on the cgroups of the system"),
		"kubeReservedCgroup":                        component.Refused("reservations are not enforced on the cgroups of the system"),
		"volumePluginDir":                           component.NoEffect("flexvolumes are not supported"),
		"kernelMemcgNotification":                   component.NoEffect("memory is observed without notifications of the kernel"),
		"logging":                                   component.NoEffect("logging is set by the flags --logging-format and -v"),
		"enableSystemLogQuery":                      component.NoEffect("logs of the system can be read as files only"),
		"shutdownGracePeriod":                       component.NoEffect("the kubelet does not delay a shutdown of the machine: pods end with it"),
		"shutdownGracePeriodCriticalPods":           component.NoEffect("the kubelet does not delay a shutdown of the machine: pods end with it"),
		"shutdownGracePeriodByPodPriority":          component.NoEffect("the kubelet does not delay a shutdown of the machine: pods end with it"),
		"reservedMemory":                            component.Refused("memory of NUMA nodes is not given to containers exclusively"),
		"enableProfilingHandler":                    component.NoEffect("profiles are not served"),
		"enableDebugFlagsHandler":                   component.NoEffect("the log level cannot be changed while the kubelet runs"),
		"memoryThrottlingFactor":                    component.NoEffect("memory.high and memory.min are not set (MemoryQoS is off)"),
		"memoryReservationPolicy":                   component.NoEffect("memory.high and memory.min are not set (MemoryQoS is off)"),
		"tracing":                                   component.NoEffect("the kubelet sends no traces"),
		"userNamespaces.idsPerPod":                  component.NoEffect("user namespaces are not supported"),

		// Heeded.
		"localStorageCapacityIsolation":              {},
		"enableServer":                               {},
		"staticPodPath":                              {},
		"podLogsDir":                                 {},
		"fileCheckFrequency":                         {},
		"staticPodURL":                               {},
		"address":                                    {},
		"port":                                       {},
		"tlsCertFile":                                {},
		"tlsPrivateKeyFile":                          {},
		"tlsCipherSuites":                            {},
		"tlsMinVersion":                              {},
		"rotateCertificates":                         {},
		"serverTLSBootstrap":                         {},
		"authentication.x509.clientCAFile":           {},
		"authentication.webhook.enabled":             {},
		"authentication.webhook.cacheTTL":            {},
		"authentication.anonymous.enabled":           {},
		"authorization.mode":                         {},
		"authorization.webhook.cacheAuthorizedTTL":   {},
		"authorization.webhook.cacheUnauthorizedTTL": {},
		"enableDebuggingHandlers":                    {},
		"healthzPort":                                {},
		"healthzBindAddress":                         {},
		"oomScoreAdj":                                {},
		"clusterDomain":                              {},
		"clusterDNS":                                 {},
		"streamingConnectionIdleTimeout":             {},
		"nodeStatusUpdateFrequency":                  {},
		"nodeStatusReportFrequency":                  {},
		"nodeLeaseDurationSeconds":                   {},
		"imageMinimumGCAge":                          {},
		"imageMaximumGCAge":                          {},
		"imageGCHighThresholdPercent":                {},
		"imageGCLowThresholdPercent":                 {},
		"cgroupRoot":                                 {},
		"cgroupsPerQOS":                              {},
		"cgroupDriver":                               {},
		"runtimeRequestTimeout":                      {},
		"maxPods":                                    {},
		"podPidsLimit":                               {},
		"resolvConf":                                 {},
		"cpuCFSQuota":                                {},
		"cpuCFSQuotaPeriod":                          {},
		"nodeStatusMaxImages":                        {},
		"serializeImagePulls":                        {},
		"maxParallelImagePulls":                      {},
		"evictionHard":                               {},
		"evictionSoft":                               {},
		"evictionSoftGracePeriod":                    {},
		"evictionPressureTransitionPeriod":           {},
		"evictionMaxPodGracePeriod":                  {},
		"evictionMinimumReclaim":                     {},
		"mergeDefaultEvictionSettings":               {},
		"podsPerCore":                                {},
		"featureGates":                               {},
		"failSwapOn":                                 {},
		"containerLogMaxSize":                        {},
		"containerLogMaxFiles":                       {},
		"containerLogMonitorInterval":                {},
		"systemReserved":                             {},
		"kubeReserved":                               {},
		"enforceNodeAllocatable":                     {}, // what is more than pods is refused by validateConfig
		"allowedUnsafeSysctls":                       {},
		"providerID":                                 {},
		"enableSystemLogHandler":                     {},
		"crashLoopBackOff.maxContainerRestartPeriod": {},
		"seccompDefault":                             {},
		"registerWithTaints":                         {},
		"registerNode":                               {},
		"containerRuntimeEndpoint":                   {},
		"imageServiceEndpoint":                       {},
		"failCgroupV1":                               {},
	}
}

// flagTable has upstream's flags that addConfigFlags does not define: those of fields, which are treated alike, and others.
func flagTable() component.Table {
	cadvisor := component.NoEffect("cAdvisor is not part of this kubelet")
	dead := component.NoEffect("of each container the last that ended is kept, until its pod goes")
	table := component.Table{
		"application-metrics-count-limit":          cadvisor,
		"boot-id-file":                             cadvisor,
		"config-dir":                               component.Refused("the configuration is one file, --config"),
		"container-hints":                          cadvisor,
		"containerd":                               cadvisor,
		"containerd-namespace":                     cadvisor,
		"enable-load-reader":                       cadvisor.Switch(),
		"event-storage-age-limit":                  cadvisor,
		"event-storage-event-limit":                cadvisor,
		"exit-on-lock-contention":                  component.Refused("there is no lock file").Switch(),
		"experimental-allocatable-ignore-eviction": component.NoEffect("hard eviction thresholds always count for what is allocatable").Switch(),
		"experimental-mounter-path":                component.NoEffect("volumes are mounted without a helper program"),
		"global-housekeeping-interval":             cadvisor,
		"housekeeping-interval":                    cadvisor,
		"image-credential-provider-bin-dir":        component.Refused("credential provider plugins are not supported; use imagePullSecrets"),
		"image-credential-provider-config":         component.Refused("credential provider plugins are not supported; use imagePullSecrets"),
		"lock-file":                                component.Refused("there is no lock file"),
		"log-cadvisor-usage":                       cadvisor.Switch(),
		"machine-id-file":                          cadvisor,
		"manifest-url":                             component.Refused("static pods come from files only"),
		"maximum-dead-containers":                  dead,
		"maximum-dead-containers-per-container":    dead,
		"minimum-container-ttl-duration":           dead,
		"runtime-cgroups":                          component.NoEffect("the container runtime is not looked after"),
		"storage-driver-buffer-duration":           cadvisor,
		"storage-driver-db":                        cadvisor,
		"storage-driver-host":                      cadvisor,
		"storage-driver-password":                  cadvisor,
		"storage-driver-secure":                    cadvisor.Switch(),
		"storage-driver-table":                     cadvisor,
		"storage-driver-user":                      cadvisor,
	}
	fields := fieldTable()
	for flag, field := range fieldFlags() {
		table[flag] = fields[field]
	}
	for _, flag := range fieldSwitches() {
		table[flag] = table[flag].Switch()
	}
	maps.Copy(table, flagDefaults(table))
	return table
}

// fieldFlags are flags that set a field.
func fieldFlags() map[string]string {
	return map[string]string{
		"contention-profiling":            "enableContentionProfiling",
		"cpu-manager-policy":              "cpuManagerPolicy",
		"cpu-manager-policy-options":      "cpuManagerPolicyOptions",
		"cpu-manager-reconcile-period":    "cpuManagerReconcilePeriod",
		"enable-controller-attach-detach": "enableControllerAttachDetach",
		"event-burst":                     "eventBurst",
		"event-qps":                       "eventRecordQPS",
		"hairpin-mode":                    "hairpinMode",
		"http-check-frequency":            "httpCheckFrequency",
		"kernel-memcg-notification":       "kernelMemcgNotification",
		"kube-api-burst":                  "kubeAPIBurst",
		"kube-api-content-type":           "contentType",
		"kube-api-qps":                    "kubeAPIQPS",
		"kube-reserved-cgroup":            "kubeReservedCgroup",
		"kubelet-cgroups":                 "kubeletCgroups",
		"make-iptables-util-chains":       "makeIPTablesUtilChains",
		"manifest-url-header":             "staticPodURLHeader",
		"max-open-files":                  "maxOpenFiles",
		"memory-manager-policy":           "memoryManagerPolicy",
		"pod-cidr":                        "podCIDR",
		"protect-kernel-defaults":         "protectKernelDefaults",
		"qos-reserved":                    "qosReserved",
		"read-only-port":                  "readOnlyPort",
		"registry-burst":                  "registryBurst",
		"registry-qps":                    "registryPullQPS",
		"reserved-cpus":                   "reservedSystemCPUs",
		"reserved-memory":                 "reservedMemory",
		"runonce":                         "runOnce",
		"sync-frequency":                  "syncFrequency",
		"system-cgroups":                  "systemCgroups",
		"system-reserved-cgroup":          "systemReservedCgroup",
		"topology-manager-policy":         "topologyManagerPolicy",
		"topology-manager-policy-options": "topologyManagerPolicyOptions",
		"topology-manager-scope":          "topologyManagerScope",
		"volume-plugin-dir":               "volumePluginDir",
		"volume-stats-agg-period":         "volumeStatsAggPeriod",
	}
}

// fieldSwitches are those of them that need no value.
func fieldSwitches() []string {
	return []string{
		"contention-profiling", "enable-controller-attach-detach", "kernel-memcg-notification", "make-iptables-util-chains", "protect-kernel-defaults", "runonce",
	}
}

// flagDefaults are the flags whose usual values ask for nothing but what is done anyway.
func flagDefaults(table component.Table) component.Table {
	return component.Table{
		"cpu-manager-policy":              table["cpu-manager-policy"].But("", "none"),
		"enable-controller-attach-detach": table["enable-controller-attach-detach"].But("true"),
		"memory-manager-policy":           table["memory-manager-policy"].But("", "None"),
		"topology-manager-policy":         table["topology-manager-policy"].But("", "none"),
		"topology-manager-scope":          table["topology-manager-scope"].But("", "container"),
	}
}
