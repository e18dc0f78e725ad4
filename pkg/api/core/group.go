package core

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/proa-sh/proa/staging/apidef"
)

// Group returns the core group. Storage keeps events for eventTTL.
func Group(eventTTL time.Duration) apidef.Group {
	return apidef.Group{
		Versions:    []string{"v1"},
		AddToScheme: []func(*runtime.Scheme) error{corev1.AddToScheme},
		Resources: []apidef.Definition{
			configMap(),
			endpoints(),
			event(eventTTL),
			limitRange(),
			namespace(),
			node(),
			persistentVolumeClaim(),
			persistentVolume(),
			pod(),
			podTemplate(),
			replicationController(),
			resourceQuota(),
			secret(),
			serviceAccount(),
			service(),
		},
	}
}
