package batch

import (
	batchv1 "k8s.io/api/batch/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/proa-sh/proa/staging/apidef"
)

// Group returns the group batch.
func Group() apidef.Group {
	return apidef.Group{
		Name:        batchv1.GroupName,
		Versions:    []string{"v1"},
		AddToScheme: []func(*runtime.Scheme) error{batchv1.AddToScheme},
		Resources: []apidef.Definition{
			cronJob(),
			job(),
		},
	}
}
