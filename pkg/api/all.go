package api

import (
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/proa-sh/proa/pkg/api/admissionregistration"
	"github.com/proa-sh/proa/pkg/api/apps"
	"github.com/proa-sh/proa/pkg/api/autoscaling"
	"github.com/proa-sh/proa/pkg/api/batch"
	"github.com/proa-sh/proa/pkg/api/certificates"
	"github.com/proa-sh/proa/pkg/api/convert"
	"github.com/proa-sh/proa/pkg/api/coordination"
	"github.com/proa-sh/proa/pkg/api/core"
	"github.com/proa-sh/proa/pkg/api/discovery"
	"github.com/proa-sh/proa/pkg/api/events"
	"github.com/proa-sh/proa/pkg/api/flowcontrol"
	"github.com/proa-sh/proa/pkg/api/networking"
	"github.com/proa-sh/proa/pkg/api/node"
	"github.com/proa-sh/proa/pkg/api/policy"
	"github.com/proa-sh/proa/pkg/api/rbac"
	"github.com/proa-sh/proa/pkg/api/resource"
	"github.com/proa-sh/proa/pkg/api/scheduling"
	"github.com/proa-sh/proa/pkg/api/storage"
	"github.com/proa-sh/proa/staging/apidef"
)

// Options are what the declarations leave to whoever serves them.
type Options = core.Options

// Groups lists the API groups that are served, in the order of discovery. Groups without resources are either another
// version of resources elsewhere in the list (events) or have only resources that are not stored, which the server adds.
func Groups(o Options) []apidef.Group {
	return []apidef.Group{
		core.Group(o),
		apps.Group(),
		events.Group(),
		{Name: authenticationv1.GroupName, Versions: []string{"v1"}, AddToScheme: []func(*runtime.Scheme) error{authenticationv1.AddToScheme}},
		{Name: authorizationv1.GroupName, Versions: []string{"v1"}, AddToScheme: []func(*runtime.Scheme) error{authorizationv1.AddToScheme}},
		autoscaling.Group(),
		batch.Group(),
		certificates.Group(),
		networking.Group(),
		policy.Group(),
		rbac.Group(),
		storage.Group(),
		admissionregistration.Group(),
		{Name: apiextensionsv1.GroupName, Versions: []string{"v1"}}, // served by its library
		scheduling.Group(),
		coordination.Group(),
		node.Group(),
		discovery.Group(),
		resource.Group(),
		flowcontrol.Group(),
	}
}

// NewScheme returns a scheme with every kind of groups.
func NewScheme(groups []apidef.Group) (*runtime.Scheme, error) {
	s := runtime.NewScheme()
	metav1.AddToGroupVersion(s, schema.GroupVersion{Version: "v1"})
	if err := convert.AddQueries(s); err != nil {
		return nil, err
	}
	return s, apidef.Register(s, groups)
}
