package discovery

import (
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/proa-sh/proa/staging/apidef"
)

// Group returns the group discovery.k8s.io.
func Group() apidef.Group {
	return apidef.Group{
		Name:        discoveryv1.GroupName,
		Versions:    []string{"v1"},
		AddToScheme: []func(*runtime.Scheme) error{discoveryv1.AddToScheme},
		Resources: []apidef.Definition{
			endpointSlice(),
		},
	}
}
