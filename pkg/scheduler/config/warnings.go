package config

import (
	"fmt"

	configv1 "k8s.io/kube-scheduler/config/v1"
)

// Warnings tell of arguments of plugins that are accepted and have no effect, in a defaulted configuration.
func Warnings(cfg *configv1.KubeSchedulerConfiguration) []string {
	var warnings []string
	for i := range cfg.Profiles {
		for j := range cfg.Profiles[i].PluginConfig {
			path := fmt.Sprintf("profiles[%d].pluginConfig[%d].args", i, j)
			switch args := cfg.Profiles[i].PluginConfig[j].Args.Object.(type) {
			case *configv1.VolumeBindingArgs:
				if *args.BindTimeoutSeconds != bindTimeoutSeconds || len(args.Shape) > 0 {
					warnings = append(warnings, path+": VolumeBindingArgs have no effect: the scheduler waits for claims that are bound, and does not bind them itself yet")
				}
			case *configv1.DynamicResourcesArgs:
				if args.FilterTimeout.Duration != configv1.DynamicResourcesFilterTimeoutDefault || args.BindingTimeout.Duration != configv1.DynamicResourcesBindingTimeoutDefault {
					warnings = append(warnings, path+": DynamicResourcesArgs have no effect: the scheduler does not allocate resource claims yet")
				}
			}
		}
	}
	return warnings
}
