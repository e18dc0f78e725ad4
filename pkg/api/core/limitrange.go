package core

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/proa-sh/proa/pkg/api/columns"
	"github.com/proa-sh/proa/staging/apidef"
	rules "github.com/proa-sh/proa/staging/apirules/core"
)

func limitRange() apidef.Definition {
	type object = *corev1.LimitRange
	return (&apidef.Resource[corev1.LimitRange, object]{
		Names: apidef.Names{
			Kind:       corev1.SchemeGroupVersion.WithKind("LimitRange"),
			Plural:     "limitranges",
			Singular:   "limitrange",
			ShortNames: []string{"limits"},
		},
		NewList:        func() runtime.Object { return &corev1.LimitRangeList{} },
		Default:        rules.SetLimitRangeDefaults,
		Validate:       rules.ValidateLimitRange,
		ValidateUpdate: rules.ValidateLimitRangeUpdate,
		CreateOnUpdate: true,
		Columns:        columns.Plain[object](),
	}).Define()
}
