package config

import (
	"encoding/json"
	"fmt"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	componentconfig "k8s.io/component-base/config/v1alpha1"
	configv1 "k8s.io/kube-scheduler/config/v1"
	"k8s.io/utils/ptr"
)

// New is the configuration of a scheduler about which nothing is said.
func New() *configv1.KubeSchedulerConfiguration {
	cfg := &configv1.KubeSchedulerConfiguration{}
	// Only arguments that are given can fail to be read.
	if err := Default(cfg); err != nil {
		panic(err)
	}
	return cfg
}

// Default sets every field that has a default, also in the arguments of plugins, which it reads if they are raw.
func Default(cfg *configv1.KubeSchedulerConfiguration) error {
	cfg.SetGroupVersionKind(configv1.SchemeGroupVersion.WithKind("KubeSchedulerConfiguration"))
	setIfNil(&cfg.Parallelism, 16)
	setIfNil(&cfg.PercentageOfNodesToScore, 0)
	setIfNil(&cfg.PodInitialBackoffSeconds, 1)
	setIfNil(&cfg.PodMaxBackoffSeconds, 10)
	setIfZero(&cfg.LeaderElection.ResourceLock, "leases")
	setIfZero(&cfg.LeaderElection.ResourceNamespace, configv1.SchedulerDefaultLockObjectNamespace)
	setIfZero(&cfg.LeaderElection.ResourceName, configv1.SchedulerDefaultLockObjectName)
	componentconfig.RecommendedDefaultLeaderElectionConfiguration(&cfg.LeaderElection)
	componentconfig.RecommendedDefaultClientConnectionConfiguration(&cfg.ClientConnection)
	componentconfig.RecommendedDebuggingConfiguration(&cfg.DebuggingConfiguration)
	setIfNil(&cfg.EnableContentionProfiling, true)
	if len(cfg.Profiles) == 0 {
		cfg.Profiles = []configv1.KubeSchedulerProfile{{}}
	}
	if len(cfg.Profiles) == 1 {
		setIfNil(&cfg.Profiles[0].SchedulerName, v1.DefaultSchedulerName)
	}
	for i := range cfg.Profiles {
		for j := range cfg.Profiles[i].PluginConfig {
			pc := &cfg.Profiles[i].PluginConfig[j]
			args, err := decodeArgs(pc)
			if err != nil {
				return fmt.Errorf("read profiles[%d].pluginConfig[%d]: %w", i, j, err)
			}
			pc.Args = runtime.RawExtension{Object: args, Raw: pc.Args.Raw}
		}
	}
	return nil
}

// Args are a plugin's arguments in a profile, with defaults; nil for a plugin that takes none and is given none.
func Args(profile *configv1.KubeSchedulerProfile, plugin string) (runtime.Object, error) {
	for i := range profile.PluginConfig {
		if profile.PluginConfig[i].Name == plugin {
			return decodeArgs(&profile.PluginConfig[i])
		}
	}
	args := newArgs(plugin)
	defaultArgs(args)
	return args, nil
}

func decodeArgs(pc *configv1.PluginConfig) (runtime.Object, error) {
	args := pc.Args.Object
	if args == nil {
		if args = newArgs(pc.Name); args == nil {
			return &runtime.Unknown{Raw: pc.Args.Raw, ContentType: runtime.ContentTypeJSON}, nil
		}
		if len(pc.Args.Raw) > 0 {
			if err := json.Unmarshal(pc.Args.Raw, args); err != nil {
				return nil, fmt.Errorf("decode args for plugin %s: %w", pc.Name, err)
			}
		}
	}
	defaultArgs(args)
	return args, nil
}

// newArgs is an empty arguments object of the plugins that take arguments.
func newArgs(plugin string) runtime.Object {
	switch plugin {
	case "DefaultPreemption":
		return &configv1.DefaultPreemptionArgs{}
	case "InterPodAffinity":
		return &configv1.InterPodAffinityArgs{}
	case "NodeAffinity":
		return &configv1.NodeAffinityArgs{}
	case "NodeResourcesFit":
		return &configv1.NodeResourcesFitArgs{}
	case "NodeResourcesBalancedAllocation":
		return &configv1.NodeResourcesBalancedAllocationArgs{}
	case "PodTopologySpread":
		return &configv1.PodTopologySpreadArgs{}
	case "VolumeBinding":
		return &configv1.VolumeBindingArgs{}
	case "DynamicResources":
		return &configv1.DynamicResourcesArgs{}
	default:
		return nil
	}
}

func defaultArgs(obj runtime.Object) {
	if obj != nil {
		if gvk := obj.GetObjectKind(); gvk.GroupVersionKind().Empty() {
			gvk.SetGroupVersionKind(kindOf(obj))
		}
	}
	switch args := obj.(type) {
	case *configv1.DefaultPreemptionArgs:
		setIfNil(&args.MinCandidateNodesPercentage, 10)
		setIfNil(&args.MinCandidateNodesAbsolute, 100)
	case *configv1.InterPodAffinityArgs:
		setIfNil(&args.HardPodAffinityWeight, 1)
	case *configv1.NodeResourcesFitArgs:
		if args.ScoringStrategy == nil {
			args.ScoringStrategy = &configv1.ScoringStrategy{Type: configv1.LeastAllocated}
		}
		defaultResources(&args.ScoringStrategy.Resources)
	case *configv1.NodeResourcesBalancedAllocationArgs:
		defaultResources(&args.Resources)
	case *configv1.PodTopologySpreadArgs:
		setIfZero(&args.DefaultingType, configv1.SystemDefaulting)
	case *configv1.VolumeBindingArgs:
		setIfNil(&args.BindTimeoutSeconds, bindTimeoutSeconds)
	case *configv1.DynamicResourcesArgs:
		setIfNil(&args.FilterTimeout, metav1.Duration{Duration: configv1.DynamicResourcesFilterTimeoutDefault})
		setIfNil(&args.BindingTimeout, metav1.Duration{Duration: configv1.DynamicResourcesBindingTimeoutDefault})
	}
}

// bindTimeoutSeconds is how long the binding of a pod's volumes may take, by default.
const bindTimeoutSeconds = 600

func defaultResources(resources *[]configv1.ResourceSpec) {
	if len(*resources) == 0 {
		*resources = []configv1.ResourceSpec{{Name: "cpu", Weight: 1}, {Name: "memory", Weight: 1}}
	}
	for i := range *resources {
		setIfZero(&(*resources)[i].Weight, 1)
	}
}

func setIfNil[T any](field **T, value T) {
	if *field == nil {
		*field = ptr.To(value)
	}
}

func setIfZero[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
