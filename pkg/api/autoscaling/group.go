package autoscaling

import (
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/proa-sh/proa/staging/apidef"
)

// Group returns the group autoscaling.
func Group() apidef.Group {
	return apidef.Group{
		Name:        autoscalingv2.GroupName,
		Versions:    []string{"v2", "v1"},
		AddToScheme: []func(*runtime.Scheme) error{autoscalingv2.AddToScheme, autoscalingv1.AddToScheme},
		Resources: []apidef.Definition{
			horizontalPodAutoscaler(),
		},
	}
}
