package admission

import (
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/admission/plugin/namespace/lifecycle"
	mutatingpolicy "k8s.io/apiserver/pkg/admission/plugin/policy/mutating"
	validatingpolicy "k8s.io/apiserver/pkg/admission/plugin/policy/validating"
	"k8s.io/apiserver/pkg/admission/plugin/resourcequota"
	mutatingwebhook "k8s.io/apiserver/pkg/admission/plugin/webhook/mutating"
	validatingwebhook "k8s.io/apiserver/pkg/admission/plugin/webhook/validating"
)

// plugins lists all plugins. Mutating ones run in this order, and then the validating ones. The last one counts what all
// others have let pass.
func plugins() []Plugin {
	return []Plugin{
		library(lifecycle.PluginName),
		limitRanger(),
		serviceAccount(),
		nodeRestriction(),
		taintNodes(),
		podSecurity(),
		priority(),
		tolerationSeconds(),
		defaultStorageClass(),
		storageProtection(), // until a controller takes the finalizers away it is off
		ownerReferences(),
		claimResize(),
		runtimeClass(),
		certificateApproval(),
		certificateSigning(),
		certificateSubjectRestriction(),
		defaultIngressClass(),
		podTopology(),
		library(mutatingpolicy.PluginName),
		library(mutatingwebhook.PluginName),
		library(validatingpolicy.PluginName),
		library(validatingwebhook.PluginName),
		library(resourcequota.PluginName),
	}
}

// library is the place of a plugin of k8s.io/apiserver, which registers itself.
func library(name string) Plugin { return Plugin{Name: name} }

// Plugins returns the registry of all plugins, their names in order, and the names of those that are off by default.
func Plugins() (registry *admission.Plugins, order, off []string) {
	registry = admission.NewPlugins()
	for _, register := range []func(*admission.Plugins){lifecycle.Register, mutatingpolicy.Register, mutatingwebhook.Register,
		validatingpolicy.Register, validatingwebhook.Register, resourcequota.Register} {
		register(registry)
	}
	for _, p := range plugins() {
		if p.New != nil {
			p.register(registry)
		}
		order = append(order, p.Name)
		if p.Off {
			off = append(off, p.Name)
		}
	}
	return registry, order, off
}
