package resource

import (
	resourcev1 "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/proa-sh/proa/staging/apidef"
)

// Group returns the group resource.k8s.io.
func Group() apidef.Group {
	return apidef.Group{
		Name:        resourcev1.GroupName,
		Versions:    []string{"v1"},
		AddToScheme: []func(*runtime.Scheme) error{resourcev1.AddToScheme},
		Resources: []apidef.Definition{
			deviceClass(),
			resourceClaim(),
			resourceClaimTemplate(),
			resourceSlice(),
		},
	}
}
