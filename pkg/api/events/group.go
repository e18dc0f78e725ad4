package events

import (
	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/proa-sh/proa/staging/apidef"
)

// Group returns the group events.k8s.io.
func Group() apidef.Group {
	return apidef.Group{
		Name:        eventsv1.GroupName,
		Versions:    []string{"v1"},
		AddToScheme: []func(*runtime.Scheme) error{eventsv1.AddToScheme},
	}
}
