package admission

import (
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/admission/plugin/namespace/lifecycle"
	mutatingpolicy "k8s.io/apiserver/pkg/admission/plugin/policy/mutating"
	validatingpolicy "k8s.io/apiserver/pkg/admission/plugin/policy/validating"
	"k8s.io/apiserver/pkg/admission/plugin/resourcequota"
	mutatingwebhook "k8s.io/apiserver/pkg/admission/plugin/webhook/mutating"
	validatingwebhook "k8s.io/apiserver/pkg/admission/plugin/webhook/validating"

	"github.com/proa-sh/proa/pkg/apiserver/admission/certificates"
	"github.com/proa-sh/proa/pkg/apiserver/admission/claimresize"
	"github.com/proa-sh/proa/pkg/apiserver/admission/defaultingressclass"
	"github.com/proa-sh/proa/pkg/apiserver/admission/defaultstorageclass"
	"github.com/proa-sh/proa/pkg/apiserver/admission/limitranger"
	"github.com/proa-sh/proa/pkg/apiserver/admission/noderestriction"
	"github.com/proa-sh/proa/pkg/apiserver/admission/nodetaint"
	"github.com/proa-sh/proa/pkg/apiserver/admission/ownerreferences"
	"github.com/proa-sh/proa/pkg/apiserver/admission/podsecurity"
	"github.com/proa-sh/proa/pkg/apiserver/admission/podtopology"
	"github.com/proa-sh/proa/pkg/apiserver/admission/priority"
	"github.com/proa-sh/proa/pkg/apiserver/admission/runtimeclass"
	"github.com/proa-sh/proa/pkg/apiserver/admission/serviceaccount"
	"github.com/proa-sh/proa/pkg/apiserver/admission/storageprotection"
	"github.com/proa-sh/proa/pkg/apiserver/admission/tolerationseconds"
)

// plugin is one line in the list of them.
type plugin struct {
	name     string
	register func(*admission.Plugins)
	off      bool // unless switched on by --enable-admission-plugins
}

// plugins lists all plugins. Mutating ones run in this order, and then the validating ones. The last one counts what all
// others have let pass.
func plugins() []plugin {
	return []plugin{
		{name: lifecycle.PluginName, register: lifecycle.Register},
		{name: limitranger.Name, register: limitranger.Register},
		{name: serviceaccount.Name, register: serviceaccount.Register},
		{name: noderestriction.Name, register: noderestriction.Register, off: true},
		{name: nodetaint.Name, register: nodetaint.Register},
		{name: podsecurity.Name, register: podsecurity.Register},
		{name: priority.Name, register: priority.Register},
		{name: tolerationseconds.Name, register: tolerationseconds.Register},
		{name: defaultstorageclass.Name, register: defaultstorageclass.Register},
		{name: storageprotection.Name, register: storageprotection.Register, off: true}, // until a controller takes the finalizers away
		{name: ownerreferences.Name, register: ownerreferences.Register, off: true},
		{name: claimresize.Name, register: claimresize.Register},
		{name: runtimeclass.Name, register: runtimeclass.Register},
		{name: certificates.Approval, register: certificates.RegisterApproval},
		{name: certificates.Signing, register: certificates.RegisterSigning},
		{name: certificates.SubjectRestriction, register: certificates.RegisterSubject},
		{name: defaultingressclass.Name, register: defaultingressclass.Register},
		{name: podtopology.Name, register: podtopology.Register},
		{name: mutatingpolicy.PluginName, register: mutatingpolicy.Register},
		{name: mutatingwebhook.PluginName, register: mutatingwebhook.Register},
		{name: validatingpolicy.PluginName, register: validatingpolicy.Register},
		{name: validatingwebhook.PluginName, register: validatingwebhook.Register},
		{name: resourcequota.PluginName, register: resourcequota.Register},
	}
}

// Plugins returns the registry of all plugins, their names in order, and the names of those that are off by default.
func Plugins() (registry *admission.Plugins, order, off []string) {
	registry = admission.NewPlugins()
	for _, p := range plugins() {
		p.register(registry)
		order = append(order, p.name)
		if p.off {
			off = append(off, p.name)
		}
	}
	return registry, order, off
}
