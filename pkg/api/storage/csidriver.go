package storage

import (
	"strings"

	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/proa-sh/proa/pkg/api/columns"
	"github.com/proa-sh/proa/staging/apidef"
	rules "github.com/proa-sh/proa/staging/apirules/storage"
)

func csiDriver() apidef.Definition {
	type object = *storagev1.CSIDriver
	return (&apidef.Resource[storagev1.CSIDriver, object]{
		Names: apidef.Names{
			Kind:          storagev1.SchemeGroupVersion.WithKind("CSIDriver"),
			Plural:        "csidrivers",
			Singular:      "csidriver",
			ClusterScoped: true,
		},
		NewList:           func() runtime.Object { return &storagev1.CSIDriverList{} },
		Default:           rules.SetCSIDriverDefaults,
		PrepareCreate:     func(d object) { dropAbsent(d, &storagev1.CSIDriver{}) },
		PrepareUpdate:     dropAbsent,
		Validate:          rules.ValidateCSIDriver,
		ValidateUpdate:    rules.ValidateCSIDriverUpdate,
		ConditionalUpdate: true,
		ReturnDeleted:     true,
		Columns:           driverColumns(),
	}).Define()
}

// dropAbsent drops what nothing here does, as long as there are no CSI volumes: tokens in secrets, and looking again how many
// volumes a node takes. What is stored stays.
func dropAbsent(d, old *storagev1.CSIDriver) {
	if old.Spec.ServiceAccountTokenInSecrets == nil {
		d.Spec.ServiceAccountTokenInSecrets = nil
	}
	if old.Spec.NodeAllocatableUpdatePeriodSeconds == nil {
		d.Spec.NodeAllocatableUpdatePeriodSeconds = nil
	}
}

func driverColumns() []apidef.Column[*storagev1.CSIDriver] {
	type object = *storagev1.CSIDriver
	doc := storagev1.CSIDriverSpec{}.SwaggerDoc()
	return []apidef.Column[object]{
		apidef.Name[object](),
		{Name: "AttachRequired", Type: "boolean", Description: doc["attachRequired"], Value: func(d object) any { return isTrue(d.Spec.AttachRequired, true) }},
		{Name: "PodInfoOnMount", Type: "boolean", Description: doc["podInfoOnMount"], Value: func(d object) any { return isTrue(d.Spec.PodInfoOnMount, false) }},
		{Name: "StorageCapacity", Type: "boolean", Description: doc["storageCapacity"], Value: func(d object) any { return isTrue(d.Spec.StorageCapacity, false) }},
		{Name: "TokenRequests", Description: doc["tokenRequests"], Value: func(d object) any {
			var audiences []string
			for _, r := range d.Spec.TokenRequests {
				audiences = append(audiences, r.Audience)
			}
			if d.Spec.TokenRequests == nil {
				return columns.Unset
			}
			return strings.Join(audiences, ",")
		}},
		{Name: "RequiresRepublish", Type: "boolean", Description: doc["requiresRepublish"], Value: func(d object) any { return isTrue(d.Spec.RequiresRepublish, false) }},
		{Name: "Modes", Description: doc["volumeLifecycleModes"], Value: func(d object) any {
			var modes []string
			for _, m := range d.Spec.VolumeLifecycleModes {
				modes = append(modes, string(m))
			}
			return columns.Or(strings.Join(modes, ","), columns.None)
		}},
		apidef.Age[object](),
	}
}

func isTrue(b *bool, unset bool) bool {
	if b == nil {
		return unset
	}
	return *b
}
