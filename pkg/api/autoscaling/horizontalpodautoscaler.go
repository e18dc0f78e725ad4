package autoscaling

import (
	"strconv"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/proa-sh/proa/pkg/api/columns"
	"github.com/proa-sh/proa/pkg/api/convert"
	"github.com/proa-sh/proa/staging/apidef"
	rules "github.com/proa-sh/proa/staging/apirules/autoscaling"
)

func horizontalPodAutoscaler() apidef.Definition {
	type object = *autoscalingv2.HorizontalPodAutoscaler
	return (&apidef.Resource[autoscalingv2.HorizontalPodAutoscaler, object]{
		Names: apidef.Names{
			Kind:       autoscalingv2.SchemeGroupVersion.WithKind("HorizontalPodAutoscaler"),
			Plural:     "horizontalpodautoscalers",
			Singular:   "horizontalpodautoscaler",
			ShortNames: []string{"hpa"},
			Categories: []string{"all"},
			Spokes: []apidef.Spoke{{
				Kind:        autoscalingv1.SchemeGroupVersion.WithKind("HorizontalPodAutoscaler"),
				AddToScheme: convert.AddAutoscaling,
			}},
		},
		NewList:        func() runtime.Object { return &autoscalingv2.HorizontalPodAutoscalerList{} },
		Default:        rules.SetHorizontalPodAutoscalerDefaults,
		Validate:       rules.ValidateHorizontalPodAutoscaler,
		ValidateUpdate: rules.ValidateHorizontalPodAutoscalerUpdate,
		ValidateStatus: rules.ValidateHorizontalPodAutoscalerStatusUpdate,
		Spec:           apidef.Field(func(a object) *autoscalingv2.HorizontalPodAutoscalerSpec { return &a.Spec }),
		Uncounted:      true,
		Status:         apidef.Field(func(a object) *autoscalingv2.HorizontalPodAutoscalerStatus { return &a.Status }),
		Columns:        autoscalerColumns(),
	}).Define()
}

func autoscalerColumns() []apidef.Column[*autoscalingv2.HorizontalPodAutoscaler] {
	type object = *autoscalingv2.HorizontalPodAutoscaler
	doc := autoscalingv2.HorizontalPodAutoscalerSpec{}.SwaggerDoc()
	return []apidef.Column[object]{
		apidef.Name[object](),
		{Name: "Reference", Description: doc["scaleTargetRef"],
			Value: func(a object) any { return a.Spec.ScaleTargetRef.Kind + "/" + a.Spec.ScaleTargetRef.Name }},
		{Name: "Targets", Description: doc["metrics"], Value: func(a object) any { return targets(a.Spec.Metrics, a.Status.CurrentMetrics) }},
		{Name: "MinPods", Description: doc["minReplicas"], Value: func(a object) any {
			if a.Spec.MinReplicas == nil {
				return columns.Unset
			}
			return strconv.Itoa(int(*a.Spec.MinReplicas))
		}},
		{Name: "MaxPods", Description: doc["maxReplicas"], Value: func(a object) any { return int64(a.Spec.MaxReplicas) }},
		{Name: "Replicas", Description: autoscalingv2.HorizontalPodAutoscalerStatus{}.SwaggerDoc()["currentReplicas"],
			Value: func(a object) any { return int64(a.Status.CurrentReplicas) }},
		apidef.Age[object](),
	}
}
