package options

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	kubeletconfig "k8s.io/kubelet/config/v1beta1"
	"sigs.k8s.io/yaml"

	"github.com/proa-sh/proa/pkg/component/settingstest"
)

// TestSettings: no flag of upstream's, and no field of the configuration, is silently ignored.
func TestSettings(t *testing.T) {
	settingstest.Flags(t, "kubelet", NewOptions())
	settingstest.Fields(t, kubeletconfig.KubeletConfiguration{}, fieldTable(), []string{"settings.go", "flags.go", "defaults.go"}, "..")
}

// TestSaid is what a user reads who gives settings that are not heeded.
func TestSaid(t *testing.T) {
	const head = "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n"
	defaults, err := yaml.Marshal(Default())
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, file       string
		args             []string
		warnings, faults []string
	}{
		{name: "nothing"},
		{name: "all defaults, written out", file: head + string(defaults)},
		{name: "what kubeadm writes", file: head + `
authentication: {anonymous: {enabled: false}, webhook: {cacheTTL: 0s, enabled: true}, x509: {clientCAFile: /ca}}
cgroupDriver: cgroupfs
containerRuntimeEndpoint: ""
cpuManagerReconcilePeriod: 0s
crashLoopBackOff: {}
logging: {flushFrequency: 0, options: {json: {infoBufferSize: "0"}, text: {infoBufferSize: "0"}}, verbosity: 0}
memorySwap: {}
shutdownGracePeriod: 0s
shutdownGracePeriodCriticalPods: 0s
syncFrequency: 0s
volumeStatsAggPeriod: 0s
`},
		{name: "promises", file: head + "protectKernelDefaults: true\ncpuManagerPolicy: static\nmemorySwap: {swapBehavior: LimitedSwap}\nreservedSystemCPUs: 0-1\n", faults: []string{
			`cpuManagerPolicy: "static" cannot be honored: CPUs are not given to containers exclusively`,
			`memorySwap.swapBehavior: "LimitedSwap" cannot be honored: pods get no swap`,
			`protectKernelDefaults: "true" cannot be honored: the kubelet does not compare the kernel's settings with what it expects`,
			`reservedSystemCPUs: "0-1" cannot be honored: no CPUs are kept free of pods; use systemReserved`,
		}},
		{name: "features that are not here", file: head + "shutdownGracePeriod: 30s\nshutdownGracePeriodByPodPriority: [{priority: 1, shutdownGracePeriodSeconds: 5}]\n" +
			"imagePullCredentialsVerificationPolicy: AlwaysVerify\nenableSystemLogQuery: true\ntopologyManagerPolicy: restricted\n" +
			"tracing: {samplingRatePerMillion: 1000}\n", args: []string{"--image-credential-provider-config=/c"}, warnings: []string{
			"enableSystemLogQuery: has no effect: logs of the system can be read as files only",
			"shutdownGracePeriod: has no effect: the kubelet does not delay a shutdown of the machine: pods end with it",
			"shutdownGracePeriodByPodPriority: has no effect: the kubelet does not delay a shutdown of the machine: pods end with it",
			"tracing: has no effect: the kubelet sends no traces",
		}, faults: []string{
			`--image-credential-provider-config: "/c" cannot be honored: credential provider plugins are not supported; use imagePullSecrets`,
			`imagePullCredentialsVerificationPolicy: "AlwaysVerify" cannot be honored: who pulled an image that is present is not checked`,
			`topologyManagerPolicy: "restricted" cannot be honored: resources are not aligned with NUMA nodes`,
		}},
		{name: "fields without effect", file: head + "eventRecordQPS: 7\nsyncFrequency: 30s\nhairpinMode: none\n", warnings: []string{
			`eventRecordQPS: has no effect: events are not limited at the kubelet`,
			`hairpinMode: has no effect: the network plugin decides about hairpin traffic`,
			`syncFrequency: has no effect: pods are driven by events, nothing is polled`,
		}},
		{
			name: "flags", args: []string{"--protect-kernel-defaults", "--read-only-port=0", "--housekeeping-interval=10s", "--cpu-manager-policy=none"},
			warnings: []string{`--housekeeping-interval: has no effect: cAdvisor is not part of this kubelet`},
			faults:   []string{`--protect-kernel-defaults: "true" cannot be honored: the kubelet does not compare the kernel's settings with what it expects`},
		},
		{
			name: "feature gates", file: head + "featureGates: {GracefulNodeShutdown: false, Nonsense: true}\n",
			args: []string{"--feature-gates=InPlacePodVerticalScaling=true,CPUManagerPolicyAlphaOptions=true,InPlacePodLevelResourcesVerticalScaling=true", "--feature-gates=PodLevelResources=true"},
			warnings: []string{
				"feature gate CPUManagerPolicyAlphaOptions=true: has no effect: the feature is always off here, its default in 1.36",
				"feature gate GracefulNodeShutdown=false: has no effect: the feature is always on here, its default in 1.36",
				"Setting GA feature gate InPlacePodVerticalScaling=true. It will be removed in a future release.",
			},
			faults: []string{"unrecognized feature gate: Nonsense"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			args := append([]string{"--kubeconfig=x"}, tt.args...)
			if tt.file != "" {
				path := filepath.Join(t.TempDir(), "config.yaml")
				if err := os.WriteFile(path, []byte(tt.file), 0o600); err != nil {
					t.Fatal(err)
				}
				args = append(args, "--config="+path)
			}
			warnings, errs := settingstest.Said(t, "kubelet", NewOptions(), args...)
			var faults []string
			for _, err := range errs {
				faults = append(faults, err.Error())
			}
			if diff := cmp.Diff([][]string{tt.warnings, tt.faults}, [][]string{warnings, faults}); diff != "" {
				t.Errorf("warnings and faults (-want +got):\n%s", diff)
			}
		})
	}
}
