package core

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/proa-sh/proa/staging/apidef"
)

// Options are what these declarations leave to whoever serves them.
type Options struct {
	// EventTTL is how long storage keeps events, in whole seconds; forever if zero.
	EventTTL time.Duration
	// ForbidPrivileged refuses pods with a privileged container.
	ForbidPrivileged bool
}

// Group returns the core group.
func Group(o Options) apidef.Group {
	return apidef.Group{
		Versions:    []string{"v1"},
		AddToScheme: []func(*runtime.Scheme) error{corev1.AddToScheme},
		Resources: []apidef.Definition{
			configMap(),
			endpoints(),
			event(o.EventTTL),
			limitRange(),
			namespace(),
			node(),
			persistentVolumeClaim(),
			persistentVolume(),
			pod(o.ForbidPrivileged),
			podTemplate(),
			replicationController(),
			resourceQuota(),
			secret(),
			serviceAccount(),
			service(),
		},
	}
}
