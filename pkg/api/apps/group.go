package apps

import (
	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/proa-sh/proa/staging/apidef"
)

// Group returns the group apps.
func Group() apidef.Group {
	return apidef.Group{
		Name:        appsv1.GroupName,
		Versions:    []string{"v1"},
		AddToScheme: []func(*runtime.Scheme) error{appsv1.AddToScheme},
		Resources: []apidef.Definition{
			controllerRevision(),
			daemonSet(),
			deployment(),
			replicaSet(),
			statefulSet(),
		},
	}
}
