package flowcontrol

import (
	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/proa-sh/proa/staging/apidef"
)

// Group returns the group flowcontrol.apiserver.k8s.io.
func Group() apidef.Group {
	return apidef.Group{
		Name:        flowcontrolv1.GroupName,
		Versions:    []string{"v1"},
		AddToScheme: []func(*runtime.Scheme) error{flowcontrolv1.AddToScheme},
		Resources: []apidef.Definition{
			flowSchema(),
			priorityLevel(),
		},
	}
}
