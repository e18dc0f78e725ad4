package coordination

import (
	coordinationv1 "k8s.io/api/coordination/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/proa-sh/proa/staging/apidef"
)

// Group returns the group coordination.k8s.io.
func Group() apidef.Group {
	return apidef.Group{
		Name:        coordinationv1.GroupName,
		Versions:    []string{"v1"},
		AddToScheme: []func(*runtime.Scheme) error{coordinationv1.AddToScheme},
		Resources: []apidef.Definition{
			lease(),
		},
	}
}
