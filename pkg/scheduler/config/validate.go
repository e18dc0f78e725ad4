package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"
	configv1 "k8s.io/kube-scheduler/config/v1"
	"k8s.io/utils/ptr"
)

// kindOf is the kind of an arguments object.
func kindOf(obj runtime.Object) schema.GroupVersionKind {
	return configv1.SchemeGroupVersion.WithKind(reflect.TypeOf(obj).Elem().Name())
}

// Validate returns every fault of a defaulted configuration.
func Validate(cfg *configv1.KubeSchedulerConfiguration) field.ErrorList {
	var faults field.ErrorList
	positive := func(path *field.Path, value int64) {
		if value <= 0 {
			faults = append(faults, field.Invalid(path, value, "must be greater than 0"))
		}
	}
	positive(field.NewPath("parallelism"), int64(ptr.Deref(cfg.Parallelism, 0)))
	positive(field.NewPath("podInitialBackoffSeconds"), ptr.Deref(cfg.PodInitialBackoffSeconds, 0))
	if ptr.Deref(cfg.PodMaxBackoffSeconds, 0) < ptr.Deref(cfg.PodInitialBackoffSeconds, 0) {
		faults = append(faults, field.Invalid(field.NewPath("podMaxBackoffSeconds"), cfg.PodMaxBackoffSeconds, "must be at least podInitialBackoffSeconds"))
	}
	faults = append(faults, validatePercentage(field.NewPath("percentageOfNodesToScore"), cfg.PercentageOfNodesToScore)...)
	if len(cfg.Extenders) > 0 {
		faults = append(faults, field.Forbidden(field.NewPath("extenders"), "scheduler extenders are not supported"))
	}
	return append(faults, validateProfiles(field.NewPath("profiles"), cfg.Profiles)...)
}

func validateProfiles(path *field.Path, profiles []configv1.KubeSchedulerProfile) field.ErrorList {
	var faults field.ErrorList
	if len(profiles) == 0 {
		faults = append(faults, field.Required(path, ""))
	}
	names := sets.New[string]()
	for i := range profiles {
		p, path := &profiles[i], path.Index(i)
		name := ptr.Deref(p.SchedulerName, "")
		switch {
		case name == "":
			faults = append(faults, field.Required(path.Child("schedulerName"), ""))
		case names.Has(name):
			faults = append(faults, field.Duplicate(path.Child("schedulerName"), name))
		}
		names.Insert(name)
		faults = append(faults, validatePercentage(path.Child("percentageOfNodesToScore"), p.PercentageOfNodesToScore)...)
		faults = append(faults, validatePluginConfig(path.Child("pluginConfig"), p.PluginConfig)...)
		if !sameQueueSort(profiles[0].Plugins, p.Plugins) {
			faults = append(faults, field.Invalid(path.Child("plugins", "queueSort"), p.Plugins, "must be the same for all profiles: they share one queue"))
		}
	}
	return faults
}

func sameQueueSort(a, b *configv1.Plugins) bool {
	return reflect.DeepEqual(ptr.Deref(a, configv1.Plugins{}).QueueSort, ptr.Deref(b, configv1.Plugins{}).QueueSort)
}

func validatePercentage(path *field.Path, value *int32) field.ErrorList {
	if v := ptr.Deref(value, 0); v < 0 || v > 100 {
		return field.ErrorList{field.Invalid(path, v, "not in valid range [0-100]")}
	}
	return nil
}

func validatePluginConfig(path *field.Path, configs []configv1.PluginConfig) field.ErrorList {
	var faults field.ErrorList
	seen := sets.New[string]()
	for i := range configs {
		if seen.Has(configs[i].Name) {
			faults = append(faults, field.Duplicate(path.Index(i), configs[i].Name))
		}
		seen.Insert(configs[i].Name)
		faults = append(faults, validateArgs(path.Index(i).Child("args"), configs[i].Args.Object)...)
	}
	return faults
}

func validateArgs(path *field.Path, obj runtime.Object) field.ErrorList {
	switch args := obj.(type) {
	case *configv1.DefaultPreemptionArgs:
		faults := validatePercentage(path.Child("minCandidateNodesPercentage"), args.MinCandidateNodesPercentage)
		if v := ptr.Deref(args.MinCandidateNodesAbsolute, 0); v < 0 {
			faults = append(faults, field.Invalid(path.Child("minCandidateNodesAbsolute"), v, "not in valid range [0, inf)"))
		}
		return faults
	case *configv1.InterPodAffinityArgs:
		return validatePercentage(path.Child("hardPodAffinityWeight"), args.HardPodAffinityWeight)
	case *configv1.NodeAffinityArgs:
		return validateAddedAffinity(path.Child("addedAffinity"), args.AddedAffinity)
	case *configv1.NodeResourcesFitArgs:
		return validateFit(path, args)
	case *configv1.NodeResourcesBalancedAllocationArgs:
		return validateResources(path.Child("resources"), args.Resources, 1)
	case *configv1.PodTopologySpreadArgs:
		return validateSpread(path, args)
	case *configv1.VolumeBindingArgs:
		if v := ptr.Deref(args.BindTimeoutSeconds, 0); v < 0 {
			return field.ErrorList{field.Invalid(path.Child("bindTimeoutSeconds"), v, "invalid BindTimeoutSeconds, should not be a negative value")}
		}
		return nil
	case *configv1.DynamicResourcesArgs:
		return validateDynamicResources(path, args)
	default:
		return nil
	}
}

func validateAddedAffinity(path *field.Path, affinity *v1.NodeAffinity) field.ErrorList {
	if affinity == nil {
		return nil
	}
	var faults field.ErrorList
	if required := affinity.RequiredDuringSchedulingIgnoredDuringExecution; required != nil {
		if _, err := nodeaffinity.NewNodeSelector(required, field.WithPath(path.Child("requiredDuringSchedulingIgnoredDuringExecution"))); err != nil {
			faults = append(faults, field.Invalid(path, required, err.Error()))
		}
	}
	if preferred := affinity.PreferredDuringSchedulingIgnoredDuringExecution; len(preferred) > 0 {
		if _, err := nodeaffinity.NewPreferredSchedulingTerms(preferred, field.WithPath(path.Child("preferredDuringSchedulingIgnoredDuringExecution"))); err != nil {
			faults = append(faults, field.Invalid(path, preferred, err.Error()))
		}
	}
	return faults
}

func validateFit(path *field.Path, args *configv1.NodeResourcesFitArgs) field.ErrorList {
	var faults field.ErrorList
	for i, group := range args.IgnoredResourceGroups {
		if strings.Contains(group, "/") {
			faults = append(faults, field.Invalid(path.Child("ignoredResourceGroups").Index(i), group, "resource group name can't contain '/'"))
		}
	}
	strategy, path := args.ScoringStrategy, path.Child("scoringStrategy")
	if strategy == nil {
		return append(faults, field.Required(path, ""))
	}
	known := []configv1.ScoringStrategyType{configv1.LeastAllocated, configv1.MostAllocated, configv1.RequestedToCapacityRatio}
	if !slices.Contains(known, strategy.Type) {
		faults = append(faults, field.NotSupported(path.Child("type"), strategy.Type, known))
	}
	faults = append(faults, validateResources(path.Child("resources"), strategy.Resources, 100)...)
	if strategy.Type != configv1.RequestedToCapacityRatio {
		return faults
	}
	if strategy.RequestedToCapacityRatio == nil {
		return append(faults, field.Required(path.Child("requestedToCapacityRatio"), ""))
	}
	return append(faults, validateShape(path.Child("requestedToCapacityRatio", "shape"), strategy.RequestedToCapacityRatio.Shape)...)
}

func validateShape(path *field.Path, shape []configv1.UtilizationShapePoint) field.ErrorList {
	var faults field.ErrorList
	if len(shape) == 0 {
		faults = append(faults, field.Required(path, "at least one point must be specified"))
	}
	for i, point := range shape {
		if point.Utilization < 0 || point.Utilization > 100 {
			faults = append(faults, field.Invalid(path.Index(i).Child("utilization"), point.Utilization, "not in valid range [0-100]"))
		}
		if point.Score < 0 || point.Score > 10 {
			faults = append(faults, field.Invalid(path.Index(i).Child("score"), point.Score, "not in valid range [0-10]"))
		}
		if i > 0 && point.Utilization <= shape[i-1].Utilization {
			faults = append(faults, field.Invalid(path.Index(i).Child("utilization"), point.Utilization, "utilization values must be sorted in increasing order"))
		}
	}
	return faults
}

func validateResources(path *field.Path, resources []configv1.ResourceSpec, maxWeight int64) field.ErrorList {
	var faults field.ErrorList
	seen := sets.New[string]()
	for i, r := range resources {
		if seen.Has(r.Name) {
			faults = append(faults, field.Duplicate(path.Index(i).Child("name"), r.Name))
		}
		seen.Insert(r.Name)
		if r.Weight < 1 || r.Weight > maxWeight {
			faults = append(faults, field.Invalid(path.Index(i).Child("weight"), r.Weight, fmt.Sprintf("not in valid range [1-%d]", maxWeight)))
		}
	}
	return faults
}

func validateDynamicResources(path *field.Path, args *configv1.DynamicResourcesArgs) field.ErrorList {
	var faults field.ErrorList
	if d := ptr.Deref(args.FilterTimeout, metav1.Duration{}); d.Duration < 0 {
		faults = append(faults, field.Invalid(path.Child("filterTimeout"), d, "must be zero or positive"))
	}
	if d := args.BindingTimeout; d != nil && d.Duration < time.Second {
		faults = append(faults, field.Invalid(path.Child("bindingTimeout"), *d, "must be at least 1 second"))
	}
	return faults
}

func validateSpread(path *field.Path, args *configv1.PodTopologySpreadArgs) field.ErrorList {
	var faults field.ErrorList
	known := []configv1.PodTopologySpreadConstraintsDefaulting{configv1.SystemDefaulting, configv1.ListDefaulting}
	if !slices.Contains(known, args.DefaultingType) {
		faults = append(faults, field.NotSupported(path.Child("defaultingType"), args.DefaultingType, known))
	}
	if args.DefaultingType == configv1.SystemDefaulting && len(args.DefaultConstraints) > 0 {
		faults = append(faults, field.Invalid(path.Child("defaultingType"), args.DefaultingType, "when .defaultConstraints are not empty, must be List"))
	}
	for i, c := range args.DefaultConstraints {
		path := path.Child("defaultConstraints").Index(i)
		if c.MaxSkew <= 0 {
			faults = append(faults, field.Invalid(path.Child("maxSkew"), c.MaxSkew, "must be greater than 0"))
		}
		if c.TopologyKey == "" {
			faults = append(faults, field.Required(path.Child("topologyKey"), ""))
		}
		if actions := []v1.UnsatisfiableConstraintAction{v1.DoNotSchedule, v1.ScheduleAnyway}; !slices.Contains(actions, c.WhenUnsatisfiable) {
			faults = append(faults, field.NotSupported(path.Child("whenUnsatisfiable"), c.WhenUnsatisfiable, actions))
		}
		if c.LabelSelector != nil {
			faults = append(faults, field.Forbidden(path.Child("labelSelector"), "constraint must not define a selector, as they are deduced for each pod: "+metav1.FormatLabelSelector(c.LabelSelector)))
		}
	}
	return faults
}
