package scheduling

import (
	schedulingv1 "k8s.io/api/scheduling/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/proa-sh/proa/staging/apidef"
)

// Group returns the group scheduling.k8s.io.
func Group() apidef.Group {
	return apidef.Group{
		Name:        schedulingv1.GroupName,
		Versions:    []string{"v1"},
		AddToScheme: []func(*runtime.Scheme) error{schedulingv1.AddToScheme},
		Resources: []apidef.Definition{
			priorityClass(),
		},
	}
}
