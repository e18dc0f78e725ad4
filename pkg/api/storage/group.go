package storage

import (
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/proa-sh/proa/staging/apidef"
)

// Group returns the group storage.k8s.io.
func Group() apidef.Group {
	return apidef.Group{
		Name:        storagev1.GroupName,
		Versions:    []string{"v1"},
		AddToScheme: []func(*runtime.Scheme) error{storagev1.AddToScheme},
		Resources: []apidef.Definition{
			csiDriver(),
			csiNode(),
			csiStorageCapacity(),
			storageClass(),
			volumeAttachment(),
			volumeAttributesClass(),
		},
	}
}
