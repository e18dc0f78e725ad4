package kubelet_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// gate says how the kubelet has a feature whose gate is on in Kubernetes 1.36: the tests that show it, or why it has not.
type gate struct {
	// tests are names of tests, or files of testdata, in directories below this one: "handler TestHook".
	tests []string
	// without says what happens in its place; tests show that then, where something does.
	without string
}

func shown(tests ...string) gate { return gate{tests: tests} }

func without(why string, tests ...string) gate { return gate{tests: tests, without: why} }

// gates are those that concern kubelets.
var gates = map[string]gate{
	"ContainerRestartRules":                            shown("../pods TestOnExit", ". testRestartAll"),
	"CustomCPUCFSQuotaPeriod":                          shown("resources TestQuota"),
	"EnvFiles":                                         shown("runtime TestEnv", "runtime TestEnvFromOddFile"),
	"ExecProbeTimeout":                                 shown("handler TestExec"),
	"HostnameOverride":                                 shown("runtime testdata/gates.requests.yaml"),
	"ImageMaximumGCAge":                                shown("images TestPlanRemoval"),
	"ImageVolume":                                      shown("runtime testdata/full.requests.yaml", "volumes TestSetupAndTeardown"),
	"InPlacePodLevelResourcesVerticalScaling":          shown("worker testdata/resize_pod.txt", ". testPodResize"),
	"InPlacePodVerticalScaling":                        shown("worker testdata/resize.txt", ". testResize", ". testLowerMemory"),
	"InPlacePodVerticalScalingInitContainers":          shown("worker testdata/resize_init.txt"),
	"KubeletCrashLoopBackOffMax":                       shown("worker TestCrashMax", "options TestDefaults"),
	"KubeletFineGrainedAuthz":                          shown("server TestFineGrainedAuthorizationSuffices"),
	"PodLevelResources":                                shown("resources TestPodLimits", "worker testdata/resize_pod.txt"),
	"PodLifecycleSleepAction":                          shown("handler TestHook"),
	"PodLifecycleSleepActionAllowZero":                 shown("handler TestHook"),
	"PodObservedGenerationTracking":                    shown("status testdata/running.yaml", "worker testdata/resize.txt"),
	"PodReadyToStartContainersCondition":               shown("status testdata/running.yaml", "status testdata/new.yaml"),
	"PreventStaticPodAPIReferences":                    shown("manifests TestReferences"),
	"ProcMountType":                                    shown("runtime testdata/gates.requests.yaml"),
	"RecursiveReadOnlyMounts":                          shown("runtime testdata/gates.requests.yaml", "runtime TestFeaturesAreReadAnew"),
	"ReloadKubeletServerCertificateFile":               shown("server TestFileCertificateFollowsItsFiles"),
	"RestartAllContainersOnContainerExits":             shown("worker testdata/restart_all.txt", ". testRestartAll"),
	"RotateKubeletServerCertificate":                   shown("server TestServingRequest"),
	"ServiceAccountTokenNodeBinding":                   shown("volumes TestTokens"),
	"SidecarContainers":                                shown("worker testdata/init_and_sidecars.txt", ". testSidecar"),
	"SupplementalGroupsPolicy":                         shown("runtime testdata/gates.requests.yaml", "node TestRun"),
	"SeparateTaintEvictionController":                  shown("eviction TestManager"),
	"ContainerCheckpoint":                              without("/checkpoint is not served", "server TestPlainAnswers"),
	"CPUManagerPolicyOptions":                          without("cpuManagerPolicy is refused", "options TestSaid"),
	"CPUManagerPolicyBetaOptions":                      without("cpuManagerPolicy is refused", "options TestSaid"),
	"DisableCPUQuotaWithExclusiveCPUs":                 without("no container has CPUs of its own"),
	"DRAExtendedResource":                              without("a pod with claims is not started", ". testClaims"),
	"DRAResourceClaimDeviceStatus":                     without("a pod with claims is not started", ". testClaims"),
	"DynamicResourceAllocation":                        without("a pod with claims is not started", ". testClaims"),
	"ExtendWebSocketsToKubelet":                        without("the API server translates WebSockets; the kubelet relays those of version 4", "server TestExec"),
	"GracefulNodeShutdown":                             without("shutdownGracePeriod is warned of", "options TestSaid"),
	"GracefulNodeShutdownBasedOnPodPriority":           without("shutdownGracePeriodByPodPriority is warned of", "options TestSaid"),
	"KubeletCgroupDriverFromCRI":                       without("cgroupfs is the only driver", "resources TestNewRefuses"),
	"KubeletEnsureSecretPulledImages":                  without("imagePullCredentialsVerificationPolicy is refused", "options TestSaid"),
	"KubeletPSI":                                       without("statistics have no pressure of the kernel"),
	"KubeletPodResourcesDynamicResources":              without("there is no pod-resources API"),
	"KubeletPodResourcesGet":                           without("there is no pod-resources API"),
	"KubeletPodResourcesListUseActivePods":             without("there is no pod-resources API"),
	"KubeletSeparateDiskGC":                            without("eviction knows the file systems of the node and of images", "eviction TestDecide"),
	"KubeletServiceAccountTokenForCredentialProviders": without("credential providers are refused", "options TestSaid"),
	"KubeletTracing":                                   without("tracing is warned of", "options TestSaid"),
	"NodeDeclaredFeatures":                             without("the node declares none, so that nothing is expected of it", "node TestStatus"),
	"NodeLogQuery":                                     without("enableSystemLogQuery is warned of", "options TestSaid"),
	"NodeSwap":                                         without("memorySwap.swapBehavior other than NoSwap is refused", "options TestSaid"),
	"PLEGOnDemandRelist":                               without("nothing is polled", "runtime TestWatchWithoutEvents"),
	"ReloadKubeletClientCAFile":                        without("the library that reads the file follows it, whatever the gate says"),
	"ResourceHealthStatus":                             without("there are no device plugins"),
	"ResourceHealthStatusMessage":                      without("there are no device plugins"),
	"SystemdWatchdog":                                  without("nothing is told to systemd"),
	"TopologyManagerPolicyBetaOptions":                 without("topologyManagerPolicy is refused", "options TestSaid"),
	"TopologyManagerPolicyOptions":                     without("topologyManagerPolicy is refused", "options TestSaid"),
	"UserNamespacesSupport":                            without("a pod with hostUsers: false is not started", ". TestUserNamespace"),
}

// elsewhere are gates that other components have, or all by the libraries.
var elsewhere = strings.Fields(`
APIResponseCompression APIServerIdentity APIServerTracing AggregatedDiscoveryRemoveBetaType AllowParsingUserUIDFromCertAuth
AllowServiceExternalIPs AnonymousAuthConfigurableEndpoints AnyVolumeDataSource AtomicFIFO AuthorizeNodeWithSelectors
AuthorizePodWebsocketUpgradeCreatePermission AuthorizeWithSelectors BtreeWatchCache CRDObservedGenerationTracking
CRDValidationRatcheting CSIServiceAccountTokenSecrets ClearingNominatedNodeNameAfterBinding ClientsAllowCARotation
ClientsAllowTLSCacheGC ComponentFlagz ComponentStatusz ConsistentListFromCache ConstrainedImpersonation ContextualLogging
CustomResourceFieldSelectors DRAAdminAccess DRAConsumableCapacity DRADeviceBindingConditions DRADeviceTaints
DRAPartitionableDevices DRAPrioritizedList DRAResourceClaimGranularStatusAuthorization DRASchedulerFilterTimeout
DeclarativeValidation DeclarativeValidationBeta DeploymentReplicaSetTerminatingReplicas DetectCacheInconsistency
DisableAllocatorDualWrite DisableNodeKubeProxyVersion ExternalServiceAccountTokenSigner HPAConfigurableTolerance
InOrderInformers InOrderInformersBatchProcess InformerResourceVersion JobBackoffLimitPerIndex JobManagedBy
JobPodReplacementPolicy JobSuccessPolicy ListFromCacheSnapshot LogarithmicScaleDown LoggingBetaOptions
MatchLabelKeysInPodAffinity MatchLabelKeysInPodTopologySpread MatchLabelKeysInPodTopologySpreadSelectorMerge
MultiCIDRServiceAllocator MutableCSINodeAllocatableCount MutablePodResourcesForSuspendedJobs
MutableSchedulingDirectivesForSuspendedJobs MutatingAdmissionPolicy NFTablesProxyMode NodeInclusionPolicyInPodTopologySpread
NominatedNodeNameForExpectation OpenAPIEnums OpportunisticBatching OrderedNamespaceDeletion PodDeletionCost
PodSchedulingReadiness PodTopologyLabelsAdmission PortForwardWebsockets PreferSameTrafficDistribution
RecoverVolumeExpansionFailure RelaxedDNSSearchValidation RelaxedEnvironmentVariableValidation RelaxedServiceNameValidation
RemoteRequestHeaderUID ResilientWatchCacheInitialization RetryGenerateName SELinuxChangePolicy SELinuxMountReadWriteOncePod
SchedulerAsyncPreemption SchedulerPopFromBackoffQ SchedulerQueueingHints ServiceAccountNodeAudienceRestriction
ServiceAccountTokenJTI ServiceAccountTokenNodeBindingValidation ServiceAccountTokenPodNodeInfo ServiceCIDRStatusFieldWiping
SizeBasedListCostEstimate StaleControllerConsistencyDaemonSet StaleControllerConsistencyJob
StaleControllerConsistencyReplicaSet StaleControllerConsistencyStatefulSet StatefulSetSemanticRevisionComparison
StorageNamespaceIndex StorageVersionHash StreamingCollectionEncodingToJSON StreamingCollectionEncodingToProtobuf
StrictIPCIDRValidation StructuredAuthenticationConfiguration StructuredAuthenticationConfigurationEgressSelector
StructuredAuthenticationConfigurationJWKSMetrics TokenRequestServiceAccountUIDValidation
TranslateStreamCloseWebsocketRequests UnauthenticatedHTTP2DOSMitigation UnknownVersionInteroperabilityProxy
UnlockWhileProcessingFIFO VolumeAttributesClass WatchCacheInitializationPostStartHook WatchList WatchListClient WinDSR
WinOverlay WindowsGracefulNodeShutdown
`)

// TestGates: each gate that is on is in one of the lists, and what shows it is there.
func TestGates(t *testing.T) {
	text, err := os.ReadFile("../component/feature-gates-v1.36.txt")
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]bool{}
	for _, name := range elsewhere {
		listed[name] = true
		if _, ours := gates[name]; ours {
			t.Errorf("%s is in both lists", name)
		}
	}
	known := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		words := strings.Fields(line)
		if len(words) != 3 || words[2] != "true" {
			continue
		}
		known[words[0]] = true
		if _, ours := gates[words[0]]; !ours && !listed[words[0]] {
			t.Errorf("gate %s is on: say in gates which test shows it, or that it is of others", words[0])
		}
	}
	for name, g := range gates {
		if !known[name] {
			t.Errorf("gate %s is not on in Kubernetes 1.36", name)
		}
		if len(g.tests) == 0 && g.without == "" {
			t.Errorf("gate %s is shown by nothing", name)
		}
		for _, test := range g.tests {
			dir, what, _ := strings.Cut(test, " ")
			if !exists(t, dir, what) {
				t.Errorf("gate %s is shown by %s in %s, which is not there", name, what, dir)
			}
		}
	}
	for name := range listed {
		if !known[name] {
			t.Errorf("gate %s is not on in Kubernetes 1.36", name)
		}
	}
}

// exists says whether there is a test, or a file for one, in a directory.
func exists(t *testing.T, dir, what string) bool {
	t.Helper()
	if strings.HasPrefix(what, "testdata/") {
		_, err := os.Stat(filepath.Join(dir, what))
		return err == nil
	}
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	function := regexp.MustCompile(`(?m)^func ` + what + `\(`)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if function.Match(text) {
			return true
		}
	}
	return false
}
