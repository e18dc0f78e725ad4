package node

import (
	nodev1 "k8s.io/api/node/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/proa-sh/proa/staging/apidef"
)

// Group returns the group node.k8s.io.
func Group() apidef.Group {
	return apidef.Group{
		Name:        nodev1.GroupName,
		Versions:    []string{"v1"},
		AddToScheme: []func(*runtime.Scheme) error{nodev1.AddToScheme},
		Resources: []apidef.Definition{
			runtimeClass(),
		},
	}
}
