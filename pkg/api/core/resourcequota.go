package core

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/proa-sh/proa/staging/apidef"
	rules "github.com/proa-sh/proa/staging/apirules/core"
)

func resourceQuota() apidef.Definition {
	type object = *corev1.ResourceQuota
	return (&apidef.Resource[corev1.ResourceQuota, object]{
		Names: apidef.Names{
			Kind:       corev1.SchemeGroupVersion.WithKind("ResourceQuota"),
			Plural:     "resourcequotas",
			Singular:   "resourcequota",
			ShortNames: []string{"quota"},
		},
		NewList:        func() runtime.Object { return &corev1.ResourceQuotaList{} },
		Default:        rules.SetResourceQuotaDefaults,
		Validate:       rules.ValidateResourceQuota,
		ValidateUpdate: rules.ValidateResourceQuotaUpdate,
		ValidateStatus: rules.ValidateResourceQuotaStatusUpdate,
		ReturnDeleted:  true,
		Spec:           apidef.Field(func(q object) *corev1.ResourceQuotaSpec { return &q.Spec }),
		Uncounted:      true,
		Status:         apidef.Field(func(q object) *corev1.ResourceQuotaStatus { return &q.Status }),
		Columns: []apidef.Column[object]{
			apidef.Name[object](),
			{Name: "Request", Description: "Request represents a minimum amount of cpu/memory that a container may consume.",
				Value: func(q object) any { return quotaCell(&q.Status, false) }},
			{Name: "Limit", Description: "Limits control the maximum amount of cpu/memory that a container may use independent of contention on the node.",
				Value: func(q object) any { return quotaCell(&q.Status, true) }},
			apidef.Age[object](),
		},
	}).Define()
}

// quotaCell shows what is used of which quota, of limits or of everything else.
func quotaCell(s *corev1.ResourceQuotaStatus, limits bool) string {
	var cells []string
	for _, name := range slices.Sorted(maps.Keys(s.Hard)) {
		if strings.HasPrefix(string(name), "limits.") != limits {
			continue
		}
		used, hard := s.Used[name], s.Hard[name]
		cells = append(cells, fmt.Sprintf("%s: %s/%s", name, used.String(), hard.String()))
	}
	return strings.Join(cells, ", ")
}
